"""Which entries of the state dict a published checkpoint holds (specification sections 3.6, 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IGNORED_KEYS", "LLM_PREFIX", "OPTIONAL_KEYS", "without_llm"]

LLM_PREFIX = "captioner.transformer."
"""Entries that are not saved: the language model is frozen and public."""
OPTIONAL_KEYS = frozenset({"detector.criterion.set_prediction_loss.semcls_percls_weights"})
"""Entries that a checkpoint may lack."""
IGNORED_KEYS = frozenset({"captioner.qformer.embeddings.position_ids"})
"""Entries that older transformers wrote and no network needs."""

V = TypeVar("V")


def without_llm(state: Mapping[str, V]) -> dict[str, V]:
    """The entries that are saved, in their order."""
    return {key: value for key, value in state.items() if not key.startswith(LLM_PREFIX)}
