"""Questions one by one: the scene from above, the pose, the truth, and each run's answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.evaluation.records import read_predictions
from posealign_core.geometry import Intrinsics
from posealign_core.progress import progress_bar
from posealign_core.report.collect import BASELINE
from posealign_core.report.top_view import MarkedPose, top_view
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import PoseSource, TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from posealign_core.report.scores import RunGroup
    from posealign_core.runs.materials import Materials
    from posealign_core.structures import Prediction, Query, Scene

__all__ = ["draw_questions", "questions_html"]

_ASKER_COLOR, _USED_COLOR = "#2a9d74", "#2f6fde"
_ASKER_CAMERA = Intrinsics(fx=320, fy=320, cx=320, cy=240, width=640, height=480)
"""An annotated pose has no camera: a right angle of view stands in for the picture."""
_MAX_CHARS = 2_000
"""An answer that rambles on is cut here."""
_FATES = {
    "": "all questions",
    "gained": "wrong without the pose, right with it",
    "lost": "right without the pose, wrong with it",
    "split": "answered differently well",
    "wrong": "wrong in every run",
}


@dataclass(frozen=True)
class _Answer:
    label: str
    text: str
    is_right: bool
    is_baseline: bool


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


def questions_html(
    questions: Sequence[Query], groups: Sequence[RunGroup], materials: Materials, n_pictures: int
) -> str:
    """Questions to unfold, with every group's answer, from its first seed.

    Args:
        questions: What to show, in order.
        groups: Who answered.
        materials: The scenes.
        n_pictures: How many of the first are drawn.
    """
    answers = {group.label: _predictions(group) for group in groups}
    items: dict[int, str] = {}
    by_scene = sorted(enumerate(questions), key=lambda pair: pair[1].scene_id)
    with progress_bar() as bar:
        task = bar.add_task("questions", total=len(questions), note="")
        for number, query, scene in _with_scenes(by_scene, materials):
            question = (query.benchmark, query.query_id)
            given = {name: of[question] for name, of in answers.items() if question in of}
            rows = [
                _answer(group, query, given.get(group.label), scene)
                for group in groups
                if group.was_asked(question)
            ]
            poses = list(_cameras(query, list(given.values()))) if number < n_pictures else []
            picture = top_view(scene, poses, query.target_ids) if poses else ""
            items[number] = _item(query, scene, rows, picture, is_open=number == 0)
            bar.advance(task)
    options = "".join(f'<option value="{k}">{escape(v)}</option>' for k, v in _FATES.items())
    return (
        '<div class="filters"><label>Words <input id="question-words" type="search"></label>'
        f'<label>Show <select id="question-fate">{options}</select></label>'
        f'<span id="question-count" role="status"></span></div>'
        + "".join(items[number] for number in range(len(questions)))
    )


def _with_scenes(
    questions: Iterable[tuple[int, Query]], materials: Materials
) -> Iterator[tuple[int, Query, Scene]]:
    """Each scene is read once, and let go of before the next."""
    for scene_id, members in groupby(questions, key=lambda pair: pair[1].scene_id):
        scene = materials.dataset.scene(scene_id)
        for number, query in members:
            yield number, query, scene


def _predictions(group: RunGroup) -> dict[tuple[str, str], Prediction]:
    run = group.runs[0]
    return {
        (name, prediction.query_id): prediction
        for name in run.results
        if run.folder.predictions(name).is_file()
        for prediction in read_predictions(run.folder.predictions(name))
    }


def _item(
    query: Query, scene: Scene, answers: Sequence[_Answer], picture: str, *, is_open: bool
) -> str:
    marks = "".join(
        f'<span class="{"right" if a.is_right else "wrong"}">{"✓" if a.is_right else "✗"}</span>'
        for a in answers
    )
    critical = {"true": " · direction-critical", "false": " · not direction-critical"}
    needs = critical.get(query.extra.get("direction_critical", ""), "")
    situation = f'<p class="meta">{escape(query.situation)}</p>' if query.situation else ""
    image = f'<img src="{picture}" alt="the scene from above">' if picture else ""
    rows = "".join(map(_answer_row, answers))
    return (
        f'<details class="question" data-fate="{_fates(answers)}"{" open" if is_open else ""}>'
        f'<summary><span class="marks">{marks}</span>'
        f'<span class="asked">{escape(query.text or "describe the object")}</span>'
        f'<span class="meta">{escape(query.benchmark)}</span></summary>'
        f'<div class="body{"" if picture else " plain"}">{image}<div>{situation}'
        f'<p class="meta">{escape(f"{query.query_id} · {query.scene_id}{needs}")}</p>'
        f"<table><tr><td>truth</td><td><b>{escape(_truth(query, scene))}</b></td></tr>{rows}"
        "</table></div></div></details>"
    )


def _fates(answers: Sequence[_Answer]) -> str:
    """What became of a question, as words for the filter."""
    right = {answer.is_right for answer in answers}
    before = {answer.is_right for answer in answers if answer.is_baseline}
    after = {answer.is_right for answer in answers if not answer.is_baseline}
    fates = {
        "gained": False in before and True in after,
        "lost": True in before and False in after,
        "split": len(right) > 1,
        "wrong": right == {False},
    }
    return " ".join(name for name, holds in fates.items() if holds)


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
    text = "no answer"
    if prediction is not None:
        names_objects = query.kind is not TaskKind.ANSWER and prediction.object_ids
        text = _names(prediction.object_ids, scene) if names_objects else prediction.text
    if len(text) > _MAX_CHARS:
        text = f"{text[:_MAX_CHARS]} … ({len(text):,} characters)"
    return _Answer(group.label, text, is_right, group.mode == BASELINE)


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
