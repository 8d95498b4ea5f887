"""Several questions in one row: a shared prefix, and questions that do not see each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = [
    "IGNORED",
    "PADDING",
    "PREFIX",
    "next_token_loss",
    "packed_row",
    "positions_of",
    "visible",
]

IGNORED = -100
"""Target of a token that is not supervised."""
PADDING, PREFIX = -1, 0
"""Segments of tokens outside the questions; the first question's segment is 1."""


def packed_row(
    prefix: Sequence[int], questions: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> dict[str, Tensor]:
    """Lay prefix and questions out in one row; the positions of each question follow the prefix.

    Args:
        prefix: Ids that every question sees.
        questions: Ids of each question.
        answers: Ids of each answer, its end token included; empty where it is to be generated.

    Returns:
        `tokens`, `segments`, `positions` and `targets`, each (L,) int64.
    """
    tokens: list[int] = []
    segments: list[int] = []
    positions: list[int] = []
    targets: list[int] = []
    parts = [(prefix, ()), *zip(questions, answers, strict=True)]
    for segment, (context, answer) in enumerate(parts):
        n = len(context) + len(answer)
        start = 0 if segment == PREFIX else len(prefix)
        tokens += [*context, *answer]
        segments += [segment] * n
        positions += range(start, start + n)
        targets += [IGNORED] * len(context) + [*answer]
    return {
        "tokens": torch.tensor(tokens, dtype=torch.int64),
        "segments": torch.tensor(segments, dtype=torch.int64),
        "positions": torch.tensor(positions, dtype=torch.int64),
        "targets": torch.tensor(targets, dtype=torch.int64),
    }


def positions_of(segments: Tensor) -> Tensor:
    """Place of each token (B, L): counted through the prefix, and on from there in each question.

    Args:
        segments: (B, L) int64, as `packed_row` lays them out, padded on the left.
    """
    place = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    starts = torch.zeros_like(segments)
    starts[:, 1:] = (segments[:, 1:] != segments[:, :-1]) * place[:, 1:]
    within = place - starts.cummax(dim=1).values
    n_prefix = (segments == PREFIX).sum(dim=1, keepdim=True)
    return torch.where(segments > PREFIX, within + n_prefix, within)


def visible(segments: Tensor) -> Tensor:
    """Which token sees which, (B, 1, L, L) bool: earlier ones of its own segment and the prefix.

    Questions packed into one row do not see each other, so that packing changes the speed and
    nothing else. A token always sees itself; padding would otherwise see nothing.

    Args:
        segments: (B, L) int64.
    """
    own, other = segments[:, :, None], segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    itself = torch.eye(length, dtype=torch.bool, device=segments.device)
    seen = (own == other) | (other == PREFIX)
    return ((seen & causal & (own != PADDING)) | itself)[:, None]


def next_token_loss(lm_head: nn.Module, states: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over the supervised tokens; logits exist only where a target does.

    Args:
        lm_head: From states to logits.
        states: (B, L, D) last hidden states.
        targets: (B, L) int64 tokens, `IGNORED` where nothing is supervised.
    """
    following = targets[:, 1:]
    supervised = following != IGNORED
    logits = lm_head(states[:, :-1][supervised]).float()
    loss = nn.functional.cross_entropy(logits, following[supervised], reduction="sum")
    mean: Tensor = loss / supervised.sum().clamp(min=1)
    return mean
