"""A few questions in full: the scene from above, the pose, the truth, and each run's answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.evaluation.records import read_predictions
from posealign_core.geometry import Intrinsics
from posealign_core.progress import progress_bar
from posealign_core.report.top_view import MarkedPose, top_view
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import PoseSource, TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from posealign_core.report.scores import RunGroup
    from posealign_core.runs.materials import Materials
    from posealign_core.structures import Prediction, Query, Scene

__all__ = ["draw_questions", "samples_html"]

_ASKER_COLOR, _USED_COLOR = "#2a9d74", "#2f6fde"
_ASKER_CAMERA = Intrinsics(fx=320, fy=320, cx=320, cy=240, width=640, height=480)
"""An annotated pose has no camera: a right angle of view stands in for the picture."""


@dataclass(frozen=True)
class _Answer:
    label: str
    text: str
    is_right: bool


def draw_questions(
    group: RunGroup, queries: Mapping[str, Sequence[Query]], *, n_critical: int, n_other: int
) -> list[Query]:
    """Draw questions at random, always the same ones, from as many scenes as there are.

    Args:
        group: Says which benchmarks have scores.
        queries: Questions by benchmark.
        n_critical: How many direction-critical ones; of all where nothing is known about them.
        n_other: How many others.
    """
    asked = [query for name in group.benchmarks for query in queries[name]]
    order = np.random.default_rng(0).permutation(len(asked)).tolist()
    drawn = _one_per_scene([asked[i] for i in order])
    others = [query for query in drawn if query.extra.get("direction_critical") == "false"]
    critical = [query for query in drawn if query.extra.get("direction_critical") != "false"]
    return critical[:n_critical] + others[:n_other]


def _one_per_scene(queries: Sequence[Query]) -> list[Query]:
    """The same queries, the first of each scene in front, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    rounds: list[tuple[int, Query]] = []
    for query in queries:
        rounds.append((seen[query.scene_id], query))
        seen[query.scene_id] += 1
    return [query for _, query in sorted(rounds, key=lambda pair: pair[0])]


def samples_html(
    questions: Sequence[Query], groups: Sequence[RunGroup], materials: Materials
) -> str:
    """Cards of questions with every group's answer, from its first seed."""
    answers = {group.label: _predictions(group) for group in groups}
    cards = []
    with progress_bar() as bar:
        task = bar.add_task("sample questions", total=len(questions), note="")
        for query in questions:
            cards.append(_card(query, groups, answers, materials))
            bar.advance(task)
    return f'<div class="samples">{"".join(cards)}</div>'


def _predictions(group: RunGroup) -> dict[tuple[str, str], Prediction]:
    run = group.runs[0]
    return {
        (name, prediction.query_id): prediction
        for name in run.results
        if run.folder.predictions(name).is_file()
        for prediction in read_predictions(run.folder.predictions(name))
    }


def _card(
    query: Query,
    groups: Sequence[RunGroup],
    answers: Mapping[str, Mapping[tuple[str, str], Prediction]],
    materials: Materials,
) -> str:
    scene = materials.dataset.scene(query.scene_id)
    question = (query.benchmark, query.query_id)
    given = {label: of_run[question] for label, of_run in answers.items() if question in of_run}
    rows = "".join(
        _answer_row(_answer(group, query, given.get(group.label), scene)) for group in groups
    )
    cameras = list(_cameras(query, list(given.values())))
    image = top_view(scene, cameras, query.target_ids) if cameras else ""
    picture = f'<img src="{image}" alt="the scene from above">' if image else ""
    critical = {"true": " · direction-critical", "false": " · not direction-critical"}
    needs = critical.get(query.extra.get("direction_critical", ""), "")
    situation = f'<p class="meta">{escape(query.situation)}</p>' if query.situation else ""
    return (
        f'<div class="sample">{picture}<div class="text">'
        f'<p class="question">{escape(query.text)}</p>{situation}'
        f'<p class="meta">{escape(f"{query.benchmark} · {query.scene_id}{needs}")}</p>'
        f"<table><tr><td>truth</td><td><b>{escape(_truth(query, scene))}</b></td></tr>{rows}"
        "</table></div></div>"
    )


def _cameras(query: Query, given: Sequence[Prediction]) -> Iterator[MarkedPose]:
    if query.annotated_pose is not None:
        asker = EgoPose(
            reference_from_camera=query.annotated_pose,
            intrinsics=_ASKER_CAMERA,
            source=PoseSource.ANNOTATED,
        )
        yield MarkedPose(asker, "asker", _ASKER_COLOR)
    used = next((answer.pose for answer in given if answer.pose is not None), None)
    if used is not None and used.source is not PoseSource.ANNOTATED:
        yield MarkedPose(used, f"pose used ({used.selector or used.source.value})", _USED_COLOR)


def _answer(group: RunGroup, query: Query, prediction: Prediction | None, scene: Scene) -> _Answer:
    is_right = group.score((query.benchmark, query.query_id)) >= 0.5
    if prediction is None:
        return _Answer(group.label, "no answer", is_right=False)
    text = prediction.text
    if query.kind is not TaskKind.ANSWER and prediction.object_ids:
        text = _names(prediction.object_ids, scene)
    return _Answer(group.label, text, is_right)


def _truth(query: Query, scene: Scene) -> str:
    if query.kind in {TaskKind.ANSWER, TaskKind.CAPTION}:
        return " / ".join(query.references)
    return _names(query.target_ids, scene)


def _names(object_ids: Sequence[int], scene: Scene) -> str:
    def name(object_id: int) -> str:
        row = None if scene.objects is None else scene.objects.index_of(object_id)
        label = "object" if row is None or scene.objects is None else scene.objects.labels[row]
        return f"{label} {object_id}"

    return ", ".join(map(name, object_ids)) or "none"


def _answer_row(answer: _Answer) -> str:
    tone, mark = ("right", "✓") if answer.is_right else ("wrong", "✗")
    cells = (escape(answer.label), escape(answer.text))
    return f'<tr><td>{cells[0]}</td><td class="{tone}">{mark} {cells[1]}</td></tr>'
