"""Generating answers, and the states that predict their [SEG] (specification section 4.7)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
    from posealign_3d_llava.model.splicing import SplicedBatch
    from posealign_core.language.engine import GenerationEngine
    from posealign_core.structures import GenerationOptions

__all__ = ["Generated", "generate"]


class Generated(NamedTuple):
    """What was said.

    Attributes:
        ids: (B, T) int64 new tokens, padded behind each end token.
        seg_states: (S, D) normalised last hidden states from which a [SEG] was predicted.
        item_of_seg: (S,) int64, ascending.
    """

    ids: Tensor
    seg_states: Tensor
    item_of_seg: Tensor


def generate(
    llava: LlavaLlamaForCausalLM,
    spliced: SplicedBatch,
    options: GenerationOptions,
    engine: GenerationEngine | None = None,
) -> Generated:
    """Decode without sampling.

    Args:
        llava: The model.
        spliced: Its input, padded on the left.
        options: How to decode.
        engine: What decodes with the model's weights, where not `transformers`.
    """
    if engine is not None:
        return _generate_by(engine, llava, spliced, options)
    with _last_states(llava.model.norm) as states:
        out: Any = llava.generate(
            inputs_embeds=spliced.embeds,
            attention_mask=spliced.attention_mask.long(),
            do_sample=False,
            max_new_tokens=options.max_new_tokens,
            num_beams=options.num_beams,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            repetition_penalty=options.repetition_penalty,
            return_dict_in_generate=True,
        )
    ids: Tensor = out.sequences
    items, steps = _live_segs(ids, llava.seg_token_id, llava.generation_config.eos_token_id)
    # With beams, the row that a token was predicted from changes from step to step.
    rows = items if options.num_beams == 1 else out.beam_indices[items, steps]
    picked = [states[step][row] for step, row in zip(steps.tolist(), rows.tolist(), strict=True)]
    empty = spliced.embeds.new_zeros(0, spliced.embeds.shape[-1])
    return Generated(ids, torch.stack(picked) if picked else empty, items)


def _generate_by(
    engine: GenerationEngine,
    llava: LlavaLlamaForCausalLM,
    spliced: SplicedBatch,
    options: GenerationOptions,
) -> Generated:
    """Decode elsewhere; answers with a [SEG] are read once here for the states behind them."""
    eos: int = llava.generation_config.eos_token_id
    prompts = [row[kept] for row, kept in zip(spliced.embeds, spliced.attention_mask, strict=True)]
    answers = [torch.tensor(a, dtype=torch.int64) for a in engine.generate(prompts, options, eos)]
    ids = pad_sequence(answers, batch_first=True, padding_value=eos).to(spliced.embeds.device)
    items, steps = _live_segs(ids, llava.seg_token_id, eos)
    if len(items) == 0:
        return Generated(ids, spliced.embeds.new_zeros(0, spliced.embeds.shape[-1]), items)
    rows, row_of_seg = torch.unique(items, return_inverse=True)
    said = ids[rows, : int(steps.max())]
    states = llava.model(
        inputs_embeds=torch.cat([spliced.embeds[rows], llava.model.embed_tokens(said)], dim=1),
        attention_mask=nn.functional.pad(
            spliced.attention_mask[rows].long(), (0, said.shape[1]), value=1
        ),
        use_cache=False,
    ).last_hidden_state
    return Generated(ids, states[row_of_seg, spliced.embeds.shape[1] - 1 + steps], items)


def _live_segs(ids: Tensor, seg_token_id: int, eos_token_id: int) -> tuple[Tensor, Tensor]:
    """Item and step of every [SEG] before an answer's end."""
    alive = (ids == eos_token_id).cumsum(1) == 0
    items, steps = ((ids == seg_token_id) & alive).nonzero(as_tuple=True)
    return items, steps


@contextmanager
def _last_states(norm: nn.Module) -> Iterator[list[Tensor]]:
    """The state of the last position after each call of the final norm, one (rows, D) per step."""
    states: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        states.append(output[:, -1])

    handle = norm.register_forward_hook(keep)
    try:
        yield states
    finally:
        handle.remove()
