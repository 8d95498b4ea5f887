"""What was asked about one scene, as rows of the official annotation files (benchmarks spec 4)."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from posealign_core.benchmarks.viewpoints import upright_camera
from posealign_rooms.catalogue import KINDS, plural
from posealign_rooms.lexicon import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_core.geometry import RigidTransform
    from posealign_rooms.plan import AskedView, RoomPlan
    from posealign_rooms.questions.choose import Asked

__all__ = ["Row", "annotate"]

Row = dict[str, Any]
"""One question: `row` of the annotation file, `query_id`, and `pose`: its row of the pose file."""

_SINGULAR = {plural(kind): kind for kind in KINDS}
_ID_STEP = 100_000
"""Numeric ids of scene 3 count from 300000."""


def annotate(plan: RoomPlan, index: int) -> dict[str, list[Row]]:
    """Write down what was asked about a scene, by `<benchmark>_<split>`.

    The situations of a validation scene are shared out: those of every second viewpoint are SQA3D's
    split `test`.

    Args:
        plan: The scene.
        index: Its number in the set.
    """
    scanrefer = list(_scanrefer(plan))
    rows = {
        f"scanrefer_{plan.split}": scanrefer,
        f"scan2cap_{plan.split}": _captions(scanrefer),
        f"multi3drefer_{plan.split}": list(_multi3drefer(plan)),
        f"nr3d_{plan.split}": list(_nr3d(plan, index)),
        f"scanqa_{plan.split}": list(_scanqa(plan)),
    }
    for split, row in _sqa3d(plan, index):
        rows.setdefault(f"sqa3d_{split}", []).append(row)
    return rows


def _all(plan: RoomPlan, benchmark: str) -> Iterator[tuple[AskedView, Asked]]:
    for view in plan.views:
        for asked in view.asked[benchmark]:
            yield view, asked


def _pose(view: AskedView, asked: Asked, world_from_camera: RigidTransform) -> dict[str, Any]:
    """The row of the pose file: the asker's pose, and what is known about the question."""
    relation = asked.item.relation
    row: dict[str, Any] = {
        "world_from_camera": world_from_camera.matrix.tolist(),
        "direction_critical": asked.directional,
        "family": asked.family,
        "chance": asked.chance,
        "frame_id": str(view.frame),
    }
    if relation is not None:
        row["relation"] = [relation.side.value, relation.subject, relation.anchor]
    return row


def _scanrefer(plan: RoomPlan) -> Iterator[Row]:
    described: Counter[int] = Counter()
    for view, asked in _all(plan, "scanrefer"):
        (target,) = asked.item.targets
        ann_id = described[target]
        described[target] += 1
        yield {
            "query_id": f"{plan.scene_id}|{target}|{ann_id}",
            "pose": _pose(view, asked, plan.pose(view.frame)),
            "row": {
                "scene_id": plan.scene_id,
                "object_id": str(target),
                "object_name": plan.layout.objects[target].kind.replace(" ", "_"),
                "ann_id": str(ann_id),
                "description": asked.text,
                "token": words_of(asked.text),
            },
        }


def _captions(scanrefer: list[Row]) -> list[Row]:
    """One captioning request per described object, from where its most telling text was written.

    Its description is not asked for again: Scan2Cap takes the texts from ScanRefer's file.
    """
    chosen: dict[str, Row] = {}
    for row in scanrefer:
        query_id = row["query_id"].rpartition("|")[0]
        known = chosen.get(query_id)
        critical = row["pose"]["direction_critical"]
        if known is None or (critical and not known["pose"]["direction_critical"]):
            chosen[query_id] = {"query_id": query_id, "pose": row["pose"], "row": {}}
    return list(chosen.values())


def _multi3drefer(plan: RoomPlan) -> Iterator[Row]:
    for ann_id, (view, asked) in enumerate(_all(plan, "multi3drefer")):
        item = asked.item
        kind = _SINGULAR[item.slots[1] if item.form == "all_color" else item.slots[0]]
        n_others = sum(o.kind == kind for o in plan.layout.objects) - len(item.targets)
        yield {
            "query_id": f"{plan.scene_id}|{ann_id}",
            "pose": _pose(view, asked, plan.pose(view.frame)),
            "row": {
                "scene_id": plan.scene_id,
                "object_ids": list(item.targets),
                "object_name": kind.replace(" ", "_"),
                "ann_id": ann_id,
                "description": asked.text,
                "eval_type": _eval_type(len(item.targets), n_others),
                "spatial": item.form not in {"all_kind", "all_color"},
                "color": item.form == "all_color",
                "texture": False,
                "shape": False,
            },
        }


def _eval_type(n_targets: int, n_others: int) -> str:
    if n_targets > 1:
        return "mt"
    return f"{'zt' if n_targets == 0 else 'st'}_{'w' if n_others else 'wo'}_d"


def _nr3d(plan: RoomPlan, index: int) -> Iterator[Row]:
    objects = plan.layout.objects
    for number, (view, asked) in enumerate(_all(plan, "nr3d")):
        (target,) = asked.item.targets
        kind = objects[target].kind
        others = [o.object_id for o in objects if o.kind == kind and o.object_id != target]
        ids = "-".join(str(i) for i in (len(others) + 1, target, *others))
        assignment = str(index * _ID_STEP + number)
        yield {
            "query_id": assignment,
            "pose": _pose(view, asked, plan.pose(view.frame)),
            "row": {
                "assignmentid": assignment,
                "stimulus_id": f"{plan.scene_id}-{kind}-{ids}",
                "utterance": asked.text,
                "correct_guess": "True",
                "scan_id": plan.scene_id,
                "instance_type": kind,
                "target_id": str(target),
                "mentions_target_class": "True",
                "tokens": repr(words_of(asked.text)),
                "dataset": "nr3d",
            },
        }


def _scanqa(plan: RoomPlan) -> Iterator[Row]:
    place = plan.scene_id.rpartition("_")[0]
    for number, (view, asked) in enumerate(_all(plan, "scanqa")):
        question_id = f"{plan.split}-{place}-{number}"
        targets = asked.item.targets
        yield {
            "query_id": question_id,
            "pose": _pose(view, asked, plan.pose(view.frame)),
            "row": {
                "scene_id": plan.scene_id,
                "object_ids": list(targets),
                "object_names": [plan.layout.objects[i].kind for i in targets],
                "question_id": question_id,
                "question": asked.text,
                "answers": [asked.item.answer],
            },
        }


def _sqa3d(plan: RoomPlan, index: int) -> Iterator[tuple[str, Row]]:
    """Situations: the asker stands upright where the camera was, and looks where it looked."""
    number = 0
    for i, view in enumerate(plan.views):
        split = "test" if plan.split == "val" and i % 2 else plan.split
        pose = plan.pose(view.frame)
        standing = upright_camera(
            pose.translation, pose.rotation[:, 2] * (1.0, 1.0, 0.0), (0, 0, 1)
        )
        for asked in view.asked["sqa3d"]:
            question_id = index * _ID_STEP + number
            number += 1
            question = {
                "scene_id": plan.scene_id,
                "situation": asked.situation,
                "alternative_situation": list(asked.alternatives),
                "question": asked.text,
                "question_id": question_id,
            }
            answer = {"answer": asked.item.answer, "answer_confidence": "yes", "answer_id": 1}
            annotation = {
                "scene_id": plan.scene_id,
                "question_type": "N/A",
                "answer_type": "other",
                "question_id": question_id,
                "answers": [answer],
                **_place(plan, standing),
            }
            yield (
                split,
                {
                    "query_id": str(question_id),
                    "pose": _pose(view, asked, standing),
                    "row": {"question": question, "annotation": annotation},
                },
            )


def _place(plan: RoomPlan, standing: RigidTransform) -> dict[str, dict[str, float]]:
    """Position from the centre of the room's x-y extent; forward is the turned local -x axis.

    A room's walls are a rectangle, so that its extent has the room's own centre however it is
    turned.
    """
    x, y, _ = (standing.translation - plan.layout.world_from_aligned.translation).round(6).tolist()
    ahead = standing.rotation[:, 2]
    half = math.atan2(-ahead[1], -ahead[0]) / 2
    return {
        "position": {"x": x, "y": y, "z": 0.0},
        "rotation": {
            "_x": 0.0,
            "_y": 0.0,
            "_z": round(math.sin(half), 9),
            "_w": round(math.cos(half), 9),
        },
    }
