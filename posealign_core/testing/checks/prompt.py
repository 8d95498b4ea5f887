"""What the words of a sample owe: the question arrives, the answer does not, the pose is true."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from posealign_core.testing.check import claims, conformance_check, demand
from posealign_core.testing.compare import changed_entries, common_entries, differences
from posealign_core.testing.probes import (
    NOTHING_ALLOWED,
    at_one_place,
    with_pose_moved,
    with_scene_moved,
)
from posealign_core.testing.toy_scenes import region_of
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.structures import Query
    from posealign_core.testing.subject import Subject


@conformance_check()
def check_question_reaches_input(subject: Subject) -> None:
    """Another text, situation (of a question) or region (of a caption) gives another input."""
    for query in subject.queries():
        plain = subject.encode(subject.sample(query=query))
        for what, other in _other_questions(query).items():
            found = differences(plain, subject.encode(subject.sample(query=other)))
            demand(found, f"{query.kind.value}: another {what} gives the same input")


@conformance_check()
def check_answer_stays_out_of_input(subject: Subject) -> None:
    """Outside training, nothing of the answer is in the input: no reference, no target."""
    for query in subject.queries():
        other = dataclasses.replace(query, references=("under the bed",), target_ids=(3,))
        here, there = (
            subject.encode(subject.sample(*subject.spec.tags.modes, query=q))
            for q in (query, other)
        )
        found = differences(here, there)
        demand(not found, f"{query.kind.value}: another right answer changes the input: {found}")


@conformance_check(only_if=claims(AlignMode.PROMPT))
def check_prompt_shares_frame(subject: Subject) -> None:
    """In prompt mode, whatever an encoder does to the coordinates, it does to the pose text too."""
    sample = at_one_place(subject.sample(AlignMode.PROMPT))
    untouched = dataclasses.replace(sample, policy=NOTHING_ALLOWED)
    plain = subject.encode(untouched, train=True)
    places = changed_entries(plain, subject.encode(with_scene_moved(untouched), train=True))
    # A shift of centimetres changes digits of the text, but rarely its length.
    shifted = with_pose_moved(untouched, (0.03, 0.03, 0.03))
    words = changed_entries(plain, subject.encode(shifted, train=True))
    for seed in range(6):
        stirred = changed_entries(plain, subject.encode(sample, train=True, seed=seed))
        moved, reworded = common_entries(places, stirred), common_entries(words, stirred)
        demand(
            not moved or reworded,
            f"the encoder's own steps move the coordinates ({moved}), and the pose text still "
            "states the pose in the old frame",
        )


def _other_questions(query: Query) -> dict[str, Query]:
    if query.kind is TaskKind.CAPTION:
        return {"region": dataclasses.replace(query, region=region_of(7))}
    others = {"text": dataclasses.replace(query, text="the lamp above the bed")}
    if query.kind is TaskKind.ANSWER:
        others["situation"] = dataclasses.replace(query, situation="i stand behind the table")
    return others
