"""How long scoring takes: seconds per metric and per benchmark, on generated predictions.

    python benchmarks/scoring.py [--n 10000] [--meteor]

Every benchmark gets n queries of the size of its own (words, references, objects, scans) and a
prediction to each. The last column is everything: scores, groups, and all 95 % intervals.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.evaluation.metrics.answers import answer_scores
from posealign_core.evaluation.metrics.bleu import bleu_of_sums, bleu_statistics
from posealign_core.evaluation.metrics.cider import cider_scores
from posealign_core.evaluation.metrics.ngrams import NgramTable
from posealign_core.evaluation.metrics.rouge import rouge_l
from posealign_core.evaluation.metrics.texts import TextTools
from posealign_core.evaluation.metrics.tokenize import tokenize_ptb
from posealign_core.evaluation.score import score_predictions
from posealign_core.geometry import Frame, corners_from_aabb
from posealign_core.structures import ObjectTable, Prediction, Query, Region, RunLengthMask, Scene
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posealign_core.evaluation.result import BenchmarkResult

N_SCENES, N_OBJECTS, N_POINTS = 141, 30, 20_000
WORDS = [f"word{i}" for i in range(3000)]
KINDS = {
    "scanqa": TaskKind.ANSWER,
    "sqa3d": TaskKind.ANSWER,
    "nr3d": TaskKind.SELECT,
    "scanrefer": TaskKind.GROUND,
    "multi3drefer": TaskKind.GROUND,
    "scan2cap": TaskKind.CAPTION,
}
"""Benchmarks and kinds of answer; Sr3D is scored as Nr3D is."""


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000, help="predictions of each benchmark")
    parser.add_argument("--meteor", action="store_true", help="with METEOR, which takes minutes")
    args = parser.parse_args()
    rng = random.Random(0)
    scenes = {scene.scene_id: scene for scene in map(make_scene, range(N_SCENES))}
    tools = TextTools(meteor=args.meteor)
    print(f"seconds for {args.n} predictions\n")
    print(f"{'benchmark':<14}{'metrics':>8}{'scores':>9}{'intervals':>11}{'all':>9}")
    total = 0.0
    for benchmark in KINDS:
        queries, predictions = make_answers(benchmark, args.n, rng)
        scoring, result = timed(
            lambda q=queries, p=predictions: score_predictions(
                q, p, scenes.__getitem__, tools=tools
            )
        )
        intervals, _ = timed(lambda r=result: all_intervals(r))
        total += scoring + intervals
        columns = f"{scoring:>9.2f}{intervals:>11.2f}{scoring + intervals:>9.2f}"
        print(f"{benchmark:<14}{len(result.scores):>8}{columns}")
    print(f"{'total':<14}{total:>37.2f}\n")
    print_text_metrics(args.n, rng)


def print_text_metrics(n: int, rng: random.Random) -> None:
    """Print seconds per text metric, for short answers and for captions."""
    print(f"{'metric':<16}{'short answers':>14}{'captions':>10}")
    columns = [measure_texts(*texts(n, rng, caption=caption)) for caption in (False, True)]
    for metric in columns[0]:
        print(f"{metric:<16}{columns[0][metric]:>14.2f}{columns[1][metric]:>10.2f}")


def measure_texts(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Seconds of each text metric, by name."""
    flat = [*hypotheses, *(text for group in references for text in group)]
    table = NgramTable(hypotheses, references)
    pairs = list(zip(hypotheses, references, strict=True))
    steps: dict[str, Callable[[], Any]] = {
        "em, em_r": lambda: [answer_scores(h, r) for h, r in pairs],
        "tokens (Java)": lambda: tokenize_ptb(flat, 600),
        "n-gram counts": lambda: table.orders,
        "bleu_1..4": lambda: bleu_of_sums(bleu_statistics(table)),
        "cider": lambda: cider_scores(table),
        "rouge_l": lambda: [rouge_l(h, r) for h, r in pairs],
    }
    return {name: timed(step)[0] for name, step in steps.items()}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds on the clock, and the result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def all_intervals(result: BenchmarkResult) -> None:
    """Estimate every metric on every subset."""
    for subset in result.subsets:
        for metric in result.scores:
            result.estimate(metric, subset)


def make_scene(number: int) -> Scene:
    """A scan of boxes with points in them."""
    rng = np.random.default_rng(number)
    boxes = np.concatenate(
        [rng.uniform(-4, 4, (N_OBJECTS, 3)), rng.uniform(0.3, 2, (N_OBJECTS, 3))], 1
    )
    owner = rng.integers(-1, N_OBJECTS, N_POINTS)
    return Scene(
        scene_id=f"scene{number:04d}_00",
        frame=Frame.WORLD,
        points=rng.uniform(-5, 5, (N_POINTS, 3)),
        superpoint_ids=np.arange(N_POINTS) // 40,
        instance_ids=np.sort(owner),
        objects=ObjectTable(
            object_ids=np.arange(N_OBJECTS),
            labels=("thing",) * N_OBJECTS,
            centers=boxes[:, :3],
            corners=corners_from_aabb(boxes),
        ),
    )


def texts(n: int, rng: random.Random, *, caption: bool) -> tuple[list[str], list[list[str]]]:
    """Texts with references: 1 to 5 words and 2, or 8 to 25 words and 4 or 5."""

    def text() -> str:
        length = rng.randint(8, 25) if caption else rng.randint(1, 5)
        return " ".join(WORDS[int(len(WORDS) * rng.random() ** 4)] for _ in range(length))

    references = [
        [text() for _ in range(rng.choice((4, 5, 5)) if caption else 2)] for _ in range(n)
    ]
    return [text() if rng.random() < 0.5 else r[0] for r in references], references


def make_answers(
    benchmark: str, n: int, rng: random.Random
) -> tuple[list[Query], list[Prediction]]:
    """Queries of a benchmark, and an answer to each."""
    kind = KINDS[benchmark]
    answers, references = texts(n, rng, caption=kind is TaskKind.CAPTION)
    queries, predictions = [], []
    for i in range(n):
        scene_id, target = f"scene{i % N_SCENES:04d}_00", i // N_SCENES % N_OBJECTS
        grounds = kind is TaskKind.GROUND
        several = benchmark == "multi3drefer" and i % 3 == 0
        queries.append(
            Query(
                query_id=str(i),
                benchmark=benchmark,
                split="val",
                scene_id=scene_id,
                kind=kind,
                text="" if kind is TaskKind.CAPTION else "what is on the left of the door?",
                target_ids=(target, (target + 1) % N_OBJECTS) if several else (target,),
                references=tuple(references[i])
                if kind in (TaskKind.ANSWER, TaskKind.CAPTION)
                else (),
                region=Region(object_id=target),
                extra={"question_type": rng.choice(("what", "is", "how")), "eval_type": "mt"},
            )
        )
        box = [[rng.uniform(-4, 4) for _ in range(3)] + [1.0, 1.0, 1.0]]
        predictions.append(
            Prediction(
                query_id=str(i),
                benchmark=benchmark,
                scene_id=scene_id,
                text=answers[i],
                corners=corners_from_aabb(box) if grounds else np.zeros((0, 8, 3)),
                masks=(RunLengthMask((5000, 700, N_POINTS - 5700), N_POINTS),) if grounds else (),
                object_ids=(rng.randrange(N_OBJECTS),) if kind is TaskKind.SELECT else (),
            )
        )
    return queries, predictions


if __name__ == "__main__":
    main()
