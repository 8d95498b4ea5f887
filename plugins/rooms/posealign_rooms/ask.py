"""Questions with known answers about anyone's scan in the generic folder format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.atomic import write_text
from posealign_core.datasets.generic_files import read_poses
from posealign_core.geometry import is_rigid
from posealign_rooms.about_scene import questions_about

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.datasets.generic import Generic
    from posealign_core.structures import Query

__all__ = ["ask_about"]


def ask_about(dataset: Generic, scene_id: str, *, per_view: int, seed: int) -> Path:
    """Ask about the named boxes of a scan, as seen from each of its cameras.

    Only objects whose label nothing else in the scan has are asked about by name; what is asked
    (left or right of me or of something, in front, behind, how many on one side) is decided from
    boxes and poses, so that the answers are known.

    Args:
        dataset: The folder; the scene needs cameras and labelled boxes or centres.
        scene_id: The scan.
        per_view: Questions per camera; fewer where a view does not give as many.
        seed: Seed of the choice of questions.

    Returns:
        The `questions.json` that was written, with the true pose beside each question.

    Raises:
        DataError: The scan has no objects, or a file of it is damaged.
        PoseNotFoundError: The scan has no cameras.
    """
    scene, trajectory = dataset.scene(scene_id), dataset.trajectory(scene_id)
    folder = dataset.folder(scene_id)
    frame_ids, stored = read_poses(folder)
    entries: list[dict[str, Any]] = []
    for i, frame_id in enumerate(frame_ids):
        if not is_rigid(trajectory.world_from_camera[i]):
            continue
        rng = np.random.default_rng([seed, i])
        asked = questions_about(
            scene, trajectory.pose(i), trajectory.intrinsics[i], rng, n=per_view
        )
        entries += [_entry(q, f"{frame_id}-{k}", stored[i]) for k, q in enumerate(asked)]
    path = folder / "questions.json"
    write_text(path, json.dumps(entries, indent=1) + "\n")
    return path


def _entry(query: Query, question_id: str, stored_pose: np.ndarray) -> dict[str, Any]:
    return {
        "id": question_id,
        "text": query.text,
        "situation": query.situation,
        "targets": list(query.target_ids),
        "answers": list(query.references),
        "pose": stored_pose.tolist(),
        "direction_critical": True,
    }
