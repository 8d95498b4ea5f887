"""Scores of made-up answers by every protocol, as they were when the protocol got its version.

Run this file to write them anew, after raising the version of a protocol whose scores change.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from scoring_toys import CHAIR, DOOR, IDS, NEAR_CHAIR, TABLE, answer, in_world, mask, query, score

from posealign_core.evaluation.protocols import protocol_names
from posealign_core.structures import Prediction, Query, Region
from posealign_core.vocabulary import TaskKind

GOLDEN = Path(__file__).parent / "golden_scores.json"
KINDS = {
    "multi3drefer": TaskKind.GROUND,
    "nr3d": TaskKind.SELECT,
    "scan2cap": TaskKind.CAPTION,
    "scanqa": TaskKind.ANSWER,
    "scanrefer": TaskKind.GROUND,
    "sqa3d": TaskKind.ANSWER,
}
TEXTS = ("left", "the left", "2", "two chairs", "a brown chair.", "TV", "None", "", "on its right")
BOXES = (CHAIR, NEAR_CHAIR, TABLE, DOOR)
CASES = [(name, p) for name, kind in KINDS.items() for p in protocol_names(name, kind)]


def made_up(benchmark: str) -> tuple[list[Query], list[Prediction]]:
    """Thirty queries about ten scans, with good, bad, odd and (once) double answers."""
    rng, kind = random.Random(benchmark), KINDS[benchmark]
    queries, answers = [], []
    for i in range(30):
        n_targets = rng.choice((0, 1, 2)) if benchmark == "multi3drefer" else 1
        targets = tuple(sorted(rng.sample(IDS, n_targets)))
        queries.append(
            query(
                benchmark,
                str(i),
                kind,
                f"s{i // 3}",
                text="" if kind is TaskKind.CAPTION else "?",
                target_ids=(IDS[i % 3],) if kind is TaskKind.CAPTION else targets,
                references=tuple(rng.sample(TEXTS[:-2], 2)),
                region=Region(object_id=0),
                extra={"n_tokens": str(rng.choice((9, 30)))},
            )
        )
        boxes = in_world(*rng.sample(BOXES, rng.choice((1, 1, 2))))
        answers.append(
            answer(
                str(i),
                rng.choice(TEXTS),
                corners=boxes if kind in (TaskKind.GROUND, TaskKind.CAPTION) else boxes[:0],
                masks=(mask(*rng.sample(range(8), 3)),) if kind is TaskKind.GROUND else (),
                object_ids=(rng.choice(IDS),) if kind is TaskKind.SELECT and i % 4 else (),
            )
        )
    return queries, answers


def means(benchmark: str, protocol: str) -> dict[str, float | None]:
    result = score(*made_up(benchmark), protocol)
    found = {metric: result.estimate(metric).mean for metric in result.scores}
    return {"version": result.protocol_version, **found}


@pytest.mark.parametrize(("benchmark", "protocol"), CASES)
def test_scores_stay_as_they_were(benchmark: str, protocol: str) -> None:
    wanted = json.loads(GOLDEN.read_text())[f"{benchmark} {protocol}"]
    assert means(benchmark, protocol) == {
        metric: None if value is None else pytest.approx(value, abs=1e-9)
        for metric, value in wanted.items()
    }


def test_every_protocol_has_golden_scores() -> None:
    assert json.loads(GOLDEN.read_text()).keys() == {f"{b} {p}" for b, p in CASES}


if __name__ == "__main__":
    table = {f"{b} {p}": means(b, p) for b, p in CASES}
    GOLDEN.write_text(json.dumps(table, indent=1) + "\n")
