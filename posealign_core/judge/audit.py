"""Runs the probes: judges the answers, changes them, judges again (judge spec 7)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from posealign_core.errors import JudgeError
from posealign_core.judge.accuracy import draws_by_key, majority
from posealign_core.judge.probes import (
    PROBES,
    Expected,
    ProbeOutcome,
    apply_probe,
    other_answers,
    probe_outcome,
)
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import LabelRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from posealign_core.judge.cache import ReplyCache
    from posealign_core.judge.engine import Judge
    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Rubric
    from posealign_core.judge.settings import JudgeSettings
    from posealign_core.judge.verdict import Status

__all__ = ["audit_judge"]

LABEL_ORDER, EXAMPLE_ORDER, OTHER_ANSWER = "label_order", "example_order", "other_answer"


def audit_judge(
    requests: Sequence[JudgeRequest],
    judge: Callable[[], Judge],
    rubric: Rubric,
    settings: JudgeSettings,
    folder: Path,
    *,
    cache: ReplyCache | None = None,
    on_probe: Callable[[str], None] = lambda name: None,
) -> list[ProbeOutcome]:
    """Measure what a judge is swayed by.

    Args:
        requests: Answers to judge; a few hundred are enough.
        judge: Makes an engine; each probe opens its own.
        rubric: The rules, in words.
        settings: How to judge.
        folder: Gets one verdict file per probe; a second run goes on where the first was.
        cache: Replies of other runs, or None.
        on_probe: Told the name of each probe before it starts.

    Raises:
        JudgeError: The judge stopped; run again to go on.
    """

    def statuses(
        name: str,
        asked: Sequence[JudgeRequest],
        how: JudgeSettings = settings,
        rules: Rubric = rubric,
    ) -> dict[str, Status]:
        on_probe(name)
        path = folder / f"{name}.jsonl"
        outcome = judge_requests(asked, judge(), rules, how, path, cache=cache)
        if outcome.stopped:
            raise JudgeError(f"audit stopped at probe {name!r}: {outcome.stopped}")
        draws = draws_by_key(outcome.verdicts)
        return {key: majority(row) for key, row in draws.items()}

    before = statuses("plain", requests)
    outcomes = []
    for probe in PROBES.values():
        changed = apply_probe(probe, requests, before)
        after = statuses(probe.name, changed)
        pairs = [(before[key], status) for key, status in after.items()]
        outcomes.append(probe_outcome(probe.name, probe.expected, pairs))
    others = statuses(OTHER_ANSWER, other_answers(requests))
    pairs = [(before[key], status) for key, status in others.items()]
    outcomes.append(probe_outcome(OTHER_ANSWER, Expected.INCORRECT, pairs))
    reordered = statuses(EXAMPLE_ORDER, requests, rules=rubric.with_examples_reversed)
    pairs = [(before[key], status) for key, status in reordered.items()]
    outcomes.append(probe_outcome(EXAMPLE_ORDER, Expected.SAME, pairs))
    orders = [
        statuses(
            f"{LABEL_ORDER}_{rule.value}", requests, dataclasses.replace(settings, label_rule=rule)
        )
        for rule in (LabelRule.AB, LabelRule.BA)
    ]
    pairs = [(status, orders[1][key]) for key, status in orders[0].items()]
    return [*outcomes, probe_outcome(LABEL_ORDER, Expected.SAME, pairs)]
