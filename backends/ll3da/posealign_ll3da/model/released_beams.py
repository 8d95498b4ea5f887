"""Beam search by the rules of the release (specification section 4 and quirk 11)."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import DynamicCache

from posealign_core.errors import BackboneError

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.structures import GenerationOptions

__all__ = ["released_beams"]


def released_beams(
    llm: Any, embeds: Tensor, mask: Tensor, options: GenerationOptions, eos: int
) -> Tensor:
    """Search as the release does.

    The first tokens are scored against each other alone, and an end token among them ends nothing.
    A beam that ends later is scored by its mean log-probability and never goes on; all beams end
    with the last step.

    Args:
        llm: A language model.
        embeds: (B, L, D) padded on the left.
        mask: (B, L) bool.
        options: How many beams and tokens; repetition is not penalised.
        eos: The end token.

    Returns:
        (B, max_new_tokens) int64, end tokens after the end.

    Raises:
        BackboneError: The options ask for what these rules do not know.
    """
    if (
        options.max_new_tokens < 2
        or options.no_repeat_ngram_size
        or options.repetition_penalty != 1
    ):
        raise BackboneError(
            "released beam search: wanted max_new_tokens of at least 2 and no penalty on "
            f"repetition, found {options}; set fidelity.first_beam_step to 'correct'"
        )
    search = _Search(llm, embeds, mask, options, eos)
    for step in range(1, options.max_new_tokens - 1):
        search.advance(step)
        if search.scores.isneginf().all():
            break
    else:
        search.finish_all()
    return search.best.ids


class _Best(NamedTuple):
    """The best finished beam of each item: mean log-probability (B,) and tokens (B, T)."""

    score: Tensor
    ids: Tensor


class _Search:
    """Beams of B items, and their best finished one so far."""

    def __init__(
        self, llm: Any, embeds: Tensor, mask: Tensor, options: GenerationOptions, eos: int
    ) -> None:
        n_items, self.n_beams = len(embeds), options.num_beams
        self.llm, self.eos, self.mask = llm, eos, mask
        self.cache: Any = DynamicCache()
        # Newer transformers call the argument "cache".
        names = inspect.signature(llm.forward).parameters
        self.cache_name = "cache" if "cache" in names else "past_key_values"
        top = self._logits(inputs_embeds=embeds).topk(self.n_beams)
        self.scores = top.values.log_softmax(-1).float()
        shape = (n_items, self.n_beams, options.max_new_tokens)
        self.ids = torch.full(shape, eos, device=embeds.device)
        self.ids[..., 0] = top.indices
        self.best = _Best(
            torch.full((n_items,), -torch.inf, device=embeds.device), self.ids[:, 0].clone()
        )
        self.mask = mask.repeat_interleave(self.n_beams, dim=0)
        self._follow(torch.zeros_like(top.indices), rows_per_item=1)

    def advance(self, step: int) -> None:
        """Write token `step` of every beam."""
        logp = self._next(step).log_softmax(-1)
        scores = (self.scores[..., None] + logp).flatten(1)
        self.scores, places = scores.topk(self.n_beams)
        beam, token = places // logp.shape[-1], places % logp.shape[-1]
        self.ids = self.ids.gather(1, beam[..., None].expand_as(self.ids))
        self.ids[..., step] = token
        self._follow(beam, rows_per_item=self.n_beams)
        finished = token == self.eos
        self._offer(self.scores.masked_fill(~finished, -torch.inf) / (step + 1))
        self.scores = self.scores.masked_fill(finished, -torch.inf)

    def finish_all(self) -> None:
        """End every beam with an end token in the last place."""
        step = self.ids.shape[2] - 1
        self.scores = self.scores + self._next(step).log_softmax(-1)[..., self.eos]
        self.ids[..., step] = self.eos
        self._offer(self.scores / (step + 1))

    def _offer(self, scores: Tensor) -> None:
        """Remember beams that are better than the best finished ones; scores (B, K)."""
        score, beam = scores.max(dim=1)
        better = score > self.best.score
        rows = torch.arange(len(beam), device=beam.device)
        self.best = _Best(
            torch.where(better, score, self.best.score),
            torch.where(better[:, None], self.ids[rows, beam], self.best.ids),
        )

    def _follow(self, beam: Tensor, *, rows_per_item: int) -> None:
        """Give beam k of item i the past of row `beam[i, k]` (B, K) of that item."""
        first = torch.arange(len(beam), device=beam.device)[:, None] * rows_per_item
        self.cache.reorder_cache((first + beam).flatten())

    def _next(self, step: int) -> Tensor:
        """Logits (B, K, V) after token `step - 1`."""
        self.mask = torch.cat([self.mask, torch.ones_like(self.mask[:, :1])], dim=1)
        logits = self._logits(input_ids=self.ids[..., step - 1].flatten()[:, None])
        return logits.view(-1, self.n_beams, logits.shape[-1])

    def _logits(self, **inputs: Tensor) -> Tensor:
        """Logits (rows, V) of the last place, continuing the cache."""
        length = next(iter(inputs.values())).shape[1]
        positions = (self.mask.long().cumsum(1) - 1).clamp(min=0)[:, -length:]
        out = self.llm(
            **inputs,
            attention_mask=self.mask.long(),
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
            **{self.cache_name: self.cache},
        )
        logits: Tensor = out.logits[:, -1]
        return logits
