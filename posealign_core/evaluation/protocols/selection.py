"""Choosing a known object: Nr3D and Sr3D (benchmarks spec 4.3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from posealign_core.evaluation.metrics.selection import selection_scores
from posealign_core.evaluation.protocols.protocol import Item, Material, Protocol, Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.structures import Query, Scene

__all__ = ["REFERIT3D_PROTOCOLS", "SELECTION_PROTOCOLS", "passes_official_filters"]

_MAX_TOKENS, _MAX_OBJECTS = 24, 88


def score_selection(items: Sequence[Item], material: Material) -> Scores:
    """Accuracy of the first chosen object; nothing chosen is wrong."""
    del material
    return Scores(
        scores={
            "accuracy": [
                selection_scores(() if a is None else a.object_ids, q.target_ids)["accuracy"]
                for q, a in items
            ]
        }
    )


def _score_official(items: Sequence[Item], material: Material) -> Scores:
    """As `score_selection`, for the utterances that the authors evaluate."""
    scores = score_selection(items, material).scores["accuracy"]
    kept = [passes_official_filters(q, material.scene(q.scene_id)) for q, _ in items]
    return Scores(
        scores={"accuracy": [s if k else None for s, k in zip(scores, kept, strict=True)]},
        remarks={"accuracy": f"{len(items) - sum(kept)} utterances are filtered out"},
    )


def _score_with_default(items: Sequence[Item], material: Material) -> Scores:
    """As `score_selection`, but an answer that names no object means object 0."""
    del material
    chosen = [(q, () if a is None else a.object_ids or (0,)) for q, a in items]
    return Scores(
        scores={"accuracy": [selection_scores(c, q.target_ids)["accuracy"] for q, c in chosen]}
    )


def passes_official_filters(query: Query, scene: Scene) -> bool:
    """Say whether ReferIt3D evaluates an utterance.

    It names the target's class, has at most 24 tokens, the scan has at most 88 objects, and another
    object of the class is there. What the annotation does not say is taken to pass.
    """
    extra = query.extra
    return (
        extra.get("mentions_target_class", "true") == "true"
        and int(extra.get("n_tokens", "0")) <= _MAX_TOKENS
        and json.loads(extra.get("distractor_ids", "[0]")) != []
        and (scene.objects is None or len(scene.objects) <= _MAX_OBJECTS)
    )


SELECTION_PROTOCOLS = (
    Protocol(
        name="strict",
        summary="every utterance counts, no choice is a wrong one",
        score=score_selection,
    ),
)
"""For selection in any other benchmark."""

REFERIT3D_PROTOCOLS = (
    *SELECTION_PROTOCOLS,
    Protocol(
        name="official", summary="utterances that pass the authors' filters", score=_score_official
    ),
    Protocol(
        name="chat-scene",
        summary="no filters, no choice means object 0, missing answers dropped",
        score=_score_with_default,
        missing="dropped",
        lenient=True,
    ),
)
