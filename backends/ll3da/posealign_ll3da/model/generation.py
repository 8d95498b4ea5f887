"""Decoding answers (specification section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.released_beams import released_beams

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.structures import GenerationOptions
    from posealign_ll3da.model.captioner import Captioner
    from posealign_ll3da.model.config import ModelFidelity
    from posealign_ll3da.model.tokens import TokenBatch

__all__ = ["generate"]


@torch.no_grad()
def generate(
    captioner: Captioner,
    prefix: Tensor,
    instruction: TokenBatch,
    options: GenerationOptions,
    fidelity: ModelFidelity | None = None,
) -> Tensor:
    """Answer without sampling; a batch of any lengths gives what each item alone would.

    Args:
        captioner: Whose language model speaks.
        prefix: (B, latents, D).
        instruction: In the language model's tokens.
        options: How to decode.
        fidelity: See `ModelFidelity.first_beam_step`; None is the captioner's own.

    Returns:
        (B, T) int64 new tokens, end tokens after the end.
    """
    embeds, mask = _left_padded(prefix.to(captioner.dtype), captioner, instruction)
    eos = _eos(captioner.transformer)
    rules = (fidelity or captioner.fidelity).first_beam_step
    if options.num_beams > 1 and rules is Fidelity.RELEASED:
        return released_beams(captioner.transformer, embeds, mask, options, eos)
    llm: Any = captioner.transformer
    ids: Tensor = llm.generate(
        inputs_embeds=embeds,
        attention_mask=mask.long(),
        do_sample=False,
        max_new_tokens=options.max_new_tokens,
        num_beams=options.num_beams,
        no_repeat_ngram_size=options.no_repeat_ngram_size,
        repetition_penalty=options.repetition_penalty,
        eos_token_id=eos,
        pad_token_id=eos,
    )
    return ids


def _left_padded(
    prefix: Tensor, captioner: Captioner, instruction: TokenBatch
) -> tuple[Tensor, Tensor]:
    """Embeddings (B, P + L, D) and mask of prefix and instruction, ending at the same place."""
    embeds = torch.cat([prefix, captioner.embed(instruction.ids)], dim=1)
    read = torch.ones(prefix.shape[:2], dtype=torch.bool, device=prefix.device)
    mask = torch.cat([read, instruction.mask], dim=1)
    order = mask.long().argsort(dim=1, stable=True)  # padding first, the rest as it was
    embeds = embeds.gather(1, order[..., None].expand_as(embeds))
    return embeds * mask.gather(1, order)[..., None], mask.gather(1, order)


def _eos(llm: Any) -> int:
    eos = llm.config.eos_token_id
    return int(eos[0] if isinstance(eos, list) else eos)
