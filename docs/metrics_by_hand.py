"""Writes `results/metrics.md`: metric by metric a case small enough to work out by hand.

    python docs/metrics_by_hand.py

The values by hand are typed here, as the fractions that the working gives; the script scores the
case and stops where the two differ by more than 1e-6. A test does the same. No Java is used: on
these texts the tokens are those of the Penn Treebank too.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posealign_core.evaluation.metrics.texts import TextTools
from posealign_core.evaluation.score import score_predictions
from posealign_core.geometry import Frame, corners_from_aabb
from posealign_core.structures import ObjectTable, Prediction, Query, Region, RunLengthMask, Scene
from posealign_core.vocabulary import TaskKind

PAGE = Path(__file__).parent / "results" / "metrics.md"
CHAIR, TABLE = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0), (5.0, 0.0, 0.0, 1.0, 1.0, 1.0)
SHIFTED = (0.5, 0.0, 0.0, 1.0, 1.0, 1.0)
"""The chair moved by half its side: 1/2 in common, 3/2 together."""
IDS = {"chair": 0, "table": 1}
INTRO = """# Metrics by hand

Each row is a case small enough to work out on paper. `python docs/metrics_by_hand.py` scores it and
writes this page; it stops where our value and the one by hand differ by more than 1e-6, and so does
a test. The chair and the table are unit cubes five metres apart, each with four points in the scan;
"shifted" is the chair's box moved by half its side. METEOR, which is the published Java program,
has no row: tests hold it against values measured with that program.
"""


Pairs = tuple[tuple[Query, Prediction | None], ...]
"""Queries with their answers, None where there is none."""


@dataclass(frozen=True)
class Case:
    """A few answers, and what metrics make of them.

    Attributes:
        shown: What was answered, in words.
        pairs: The same for the harness.
        metrics: By name, the value by hand, and how it comes about.
        protocol: Rules of scoring.
    """

    shown: str
    pairs: Pairs
    metrics: dict[str, tuple[float, str]]
    protocol: str = "strict"

    def computed(self, metric: str) -> float | None:
        """The value that the harness finds."""
        result = score_predictions(
            [query for query, _ in self.pairs],
            [answer for _, answer in self.pairs if answer is not None],
            scene,
            protocol=self.protocol,
            tools=TextTools(java=False),
        )
        return result.estimate(metric).mean


def scene(scene_id: str) -> Scene:
    """A chair and a table."""
    boxes = np.array([CHAIR, TABLE])
    corners = corners_from_aabb(boxes)
    return Scene(
        scene_id=scene_id,
        frame=Frame.WORLD,
        points=corners[:, [0, 3, 5, 6]].reshape(8, 3),
        instance_ids=np.repeat([0, 1], 4),
        superpoint_ids=np.repeat([0, 1], 4),
        objects=ObjectTable(
            object_ids=np.array([0, 1]),
            labels=("chair", "table"),
            centers=boxes[:, :3],
            corners=corners,
        ),
    )


def pair(
    benchmark: str,
    kind: TaskKind,
    place: int,
    answer: dict[str, Any] | None,
    **query: Any,
) -> tuple[Query, Prediction | None]:
    """A query and its answer, by the fields that matter."""
    fields = {"query_id": str(place), "benchmark": benchmark, "scene_id": "room"}
    asked = Query(**fields, split="val", kind=kind, **{"text": "?", **query})
    given = None if answer is None else Prediction(**fields, **{"text": "", **answer})
    return asked, given


def answers(
    *given: tuple[str | None, tuple[str, ...]],
    benchmark: str = "scanqa",
    ranked: tuple[str, ...] = (),
) -> Pairs:
    """Answers in words, each with the accepted ones."""
    return tuple(
        pair(
            benchmark,
            TaskKind.ANSWER,
            place,
            None if text is None else {"text": text, "alternatives": ranked},
            references=references,
        )
        for place, (text, references) in enumerate(given)
    )


def found(
    benchmark: str, wanted: tuple[str, ...], *boxes: tuple[float, ...], points: tuple[int, ...] = ()
) -> Pairs:
    """Boxes, or the points of a mask, for objects that are wanted."""
    mask = RunLengthMask.encode([i in points for i in range(8)])
    given = (
        {"masks": (mask,)}
        if points
        else {"corners": corners_from_aabb(np.array(boxes).reshape(-1, 6))}
    )
    targets = tuple(IDS[name] for name in wanted)
    return (pair(benchmark, TaskKind.GROUND, 0, given, target_ids=targets),)


def captions(
    *given: tuple[str, str, tuple[float, ...] | None],
) -> Pairs:
    """Captions: the object, what was said of it, and of which box; None where nothing was."""
    references = {"chair": "a chair", "table": "a table"}
    return tuple(
        pair(
            "scan2cap",
            TaskKind.CAPTION,
            place,
            None if box is None else {"text": text, "corners": corners_from_aabb(np.array([box]))},
            text="",
            target_ids=(IDS[name],),
            references=(references[name],),
            region=Region(object_id=IDS[name]),
        )
        for place, (name, text, box) in enumerate(given)
    )


def chosen(*given: int | None) -> Pairs:
    """Choices, where the chair was meant each time."""
    return tuple(
        pair(
            "nr3d",
            TaskKind.SELECT,
            place,
            {"object_ids": () if choice is None else (choice,)},
            target_ids=(0,),
        )
        for place, choice in enumerate(given)
    )


TELEVISION = answers(("The TV.", ("tv",)), ("2", ("two",)), ("left", ("right",)))
ONE_LETTER = answers(("e", ("left",)))
BOTH = ("chair", "table")
HALF_CHAIR = found("scanrefer", ("chair",), points=(0, 1, 4, 5))
DENSE = captions(("chair", "a chair", CHAIR), ("table", "", None))
NOTHING = 2.44 * 0.5 / (0.5 + 1.44)
"""ROUGE-L of `sos eos` for `sos a chair eos`: P = 2/2, R = 2/4."""
CASES = (
    Case(
        '"The TV.", "2" and "left" for "tv", "two" and "right"',
        TELEVISION,
        {"em": (2 / 3, "normalised: TV = TV, two = two, left ≠ right; (1 + 1 + 0) / 3")},
    ),
    Case("the same three", TELEVISION, {"em": (0.0, "raw: all differ")}, "official"),
    Case(
        '"left" for "left", and a question without an answer',
        answers(("left", ("left",)), (None, ("right",))),
        {"em": (1 / 2, "what is missing is wrong; (1 + 0) / 2")},
    ),
    Case(
        '"right", then "behind", then "left", for "left"',
        answers(("right", ("left",)), ranked=("behind", "left")),
        {"em": (0.0, "the first is wrong"), "em_10": (1.0, "one of the ten best is right")},
        "official",
    ),
    Case(
        '"chair" for "the brown chair"',
        answers(("chair", ("the brown chair",))),
        {
            "em": (0.0, "not equal"),
            "em_r": (1.0, "part of it"),
            "em_r_guarded": (1.0, "and a whole word of it"),
        },
    ),
    Case(
        '"e" for "left"',
        ONE_LETTER,
        {
            "em_r": (1.0, "part of it: the published rule can be gamed"),
            "em_r_guarded": (0.0, "one character, no whole word"),
        },
    ),
    Case(
        '"left side" for "to the left", SQA3D',
        answers(("left side", ("to the left",)), benchmark="sqa3d"),
        {"em_loose": (1.0, 'a word in common: "left"')},
        "official",
    ),
    Case(
        '"the brown chair" for "the brown wooden chair"',
        answers(("the brown chair", ("the brown wooden chair",))),
        {
            "bleu_1": (math.exp(-1 / 3), "3/3, times exp(1 − 4/3) for being short"),
            "bleu_2": (math.sqrt(1 / 2) * math.exp(-1 / 3), "√(3/3 · 1/2) · exp(1 − 4/3)"),
            "rouge_l": (
                2.44 * 0.75 / (0.75 + 1.44),
                "P = 3/3, R = 3/4; 2.44 · P · R / (R + 1.44 · P)",
            ),
        },
        "official",
    ),
    Case(
        '"red chair" for itself, "table" for "blue table"',
        answers(("red chair", ("red chair",)), ("table", ("blue table",))),
        {
            "cider": (
                (5 + 10 / 4 * math.exp(-1 / 72) / math.sqrt(2)) / 2,
                "each word is in one of two references and weighs ln 2. First: 10 · (1 + 1 + 0 + "
                "0) / 4. Second: 10 · (1/√2 · exp(−1/72) + 0 + 0 + 0) / 4. The mean of both",
            )
        },
        "official",
    ),
    Case(
        "shifted, for the chair",
        found("scanrefer", ("chair",), SHIFTED),
        {
            "iou": (1 / 3, "(1/2) / (3/2)"),
            "acc@0.25": (1.0, "1/3 ≥ 0.25"),
            "acc@0.5": (0.0, "1/3 < 0.5"),
        },
    ),
    Case(
        "the chair's box twice, for the chair",
        found("multi3drefer", ("chair",), CHAIR, CHAIR),
        {"f1@0.25": (2 / 3, "2 · 1 / (2 + 1)")},
    ),
    Case(
        "table and shifted, for chair and table",
        found("multi3drefer", BOTH, TABLE, SHIFTED),
        {
            "f1@0.25": (1.0, "both pairs reach 0.25: 2 · 2 / (2 + 2)"),
            "f1@0.5": (1 / 2, "one of them reaches 0.5: 2 · 1 / (2 + 2)"),
        },
    ),
    Case(
        "no box, for nothing",
        found("multi3drefer", ()),
        {"f1@0.5": (1.0, "as it should be")},
    ),
    Case(
        "the chair's box, for nothing",
        found("multi3drefer", (), CHAIR),
        {"f1@0.5": (0.0, "one too many")},
    ),
    Case(
        "two of the chair's four points and two of the table's, for the chair",
        HALF_CHAIR,
        {
            "mask_iou": (1 / 3, "2 in common, 4 + 4 − 2 together: 2/6"),
            "mask_acc@0.25": (1.0, "1/3 ≥ 0.25"),
            "mask_acc@0.5": (0.0, "1/3 < 0.5"),
        },
    ),
    Case(
        "one mask of all eight points, for chair and table",
        found("multi3drefer", BOTH, points=tuple(range(8))),
        {
            "f1@0.25": (0.0, "the box around both, 6 x 1 x 1 m, overlaps either by 1/6"),
            "f1_cc@0.25": (1.0, "split into its two connected parts: 2 · 2 / (2 + 2)"),
        },
    ),
    Case(
        "the chair, the table, nothing; the chair was meant, Nr3D",
        chosen(0, 1, None),
        {"accuracy": (1 / 3, "(1 + 0 + 0) / 3")},
    ),
    Case(
        "the same three",
        chosen(0, 1, None),
        {"accuracy": (2 / 3, "no choice means object 0, the chair: (1 + 0 + 1) / 3")},
        "chat-scene",
    ),
    Case(
        '"a chair" of the chair\'s box; nothing of the table',
        DENSE,
        {
            "hit@0.5": (1 / 2, "1 of 2 found"),
            "rouge_l@0.5": (
                (1 + NOTHING) / 2,
                'the table\'s reads "sos eos" for "sos a table eos": P = 2/2, R = 2/4, 2.44 · 0.5 '
                "/ (0.5 + 1.44). The mean of 1 and this: nothing is not worth nothing",
            ),
            "rouge_l_zero@0.5": (1 / 2, "a miss counted as 0: (1 + 0) / 2"),
            "rouge_l_hit@0.5": (1.0, "over what was found: 1 / 1"),
        },
    ),
    Case(
        "the same two",
        DENSE,
        {
            "rouge_l_precision@0.5": (1.0, "score 1 over 1 caption"),
            "rouge_l_recall@0.5": (1 / 2, "score 1 over 2 objects"),
            "rouge_l_f1@0.5": (2 / 3, "2 · 1 / (1 + 2)"),
        },
        "official",
    ),
    Case(
        '"a chair" of the shifted box',
        captions(("chair", "a chair", SHIFTED)),
        {
            "rouge_l@0.25": (1.0, "1/3 ≥ 0.25: the caption counts"),
            "rouge_l@0.5": (NOTHING, '1/3 < 0.5: "sos eos", 2.44 · 0.5 / (0.5 + 1.44)'),
        },
        "3d-llava",
    ),
)


def page() -> str:
    """The page.

    Raises:
        ValueError: A value by hand is not what the harness finds.
    """
    lines = ["| case | protocol | metric | by hand | value | ours |", "|---|---|---|---|---:|---:|"]
    for case in CASES:
        for metric, (value, working) in case.metrics.items():
            ours = case.computed(metric)
            if ours is None or abs(ours - value) > 1e-6:
                raise ValueError(f"{metric} of {case.shown}: by hand {value}, ours {ours}")
            first = metric == next(iter(case.metrics))
            named = (case.shown, case.protocol) if first else ("", "")
            cells = " | ".join((*named, f"`{metric}`", working))
            lines.append(f"| {cells} | {value:.6f} | {ours:.6f} |")
    return f"{INTRO}\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: {sum(len(case.metrics) for case in CASES)} values\n")
