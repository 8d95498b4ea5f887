"""Predictions and poses as lines of JSON, and back (benchmarks spec 1.1)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.datasets.files import read_text
from posealign_core.errors import DataError, ShapeError
from posealign_core.geometry import (
    Frame,
    Intrinsics,
    RigidTransform,
    aabb_from_corners,
    move_corners,
)
from posealign_core.structures import EgoPose, Prediction, RunLengthMask
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "SCHEMA_VERSION",
    "pose_from_record",
    "pose_to_record",
    "prediction_from_record",
    "prediction_to_record",
    "read_predictions",
    "read_records",
]

SCHEMA_VERSION = 1


def pose_to_record(pose: EgoPose) -> dict[str, Any]:
    """Turn a pose in WORLD into plain values; the matrix keeps all its digits."""
    camera = pose.intrinsics
    return {
        "world_from_camera": pose.reference_from_camera.matrix.tolist(),
        "intrinsics": {
            name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")
        },
        "source": pose.source.value,
        "selector": pose.selector,
        "frame_id": pose.frame_id,
        "object_id": pose.object_id,
        "score": pose.score,
        "fallback_reason": pose.fallback_reason,
        "perturbed": pose.perturbed,
    }


def pose_from_record(record: Mapping[str, Any]) -> EgoPose:
    """Rebuild a pose in WORLD.

    Raises:
        DataError: A field is missing or has another form.
    """
    try:
        values = dict(record)
        matrix, camera = values.pop("world_from_camera"), values.pop("intrinsics")
        return EgoPose(
            reference_from_camera=RigidTransform(np.array(matrix), Frame.WORLD, Frame.CAMERA),
            intrinsics=Intrinsics(**camera),
            **{**values, "source": PoseSource(values["source"])},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"pose: wanted the fields of schema {SCHEMA_VERSION}: {error}") from error


def prediction_to_record(
    prediction: Prediction,
    *,
    split: str,
    aligned_from_world: RigidTransform,
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """Turn a prediction into plain values.

    Args:
        prediction: In WORLD.
        split: Split of its query.
        aligned_from_world: The scene's; `boxes`, for other tools, are in the axis-aligned frame.
        run: What made it; the same for all predictions of a file.
    """
    boxes = aabb_from_corners(move_corners(aligned_from_world, prediction.corners))
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmark": prediction.benchmark,
        "split": split,
        "key": prediction.query_id,
        "scene_id": prediction.scene_id,
        "text": prediction.text,
        "alternatives": list(prediction.alternatives),
        "boxes": boxes.tolist(),
        "corners": prediction.corners.tolist(),
        "mask_rle": [
            {"size": mask.size, "runs": " ".join(map(str, mask.runs))} for mask in prediction.masks
        ],
        "object_ids": [int(i) for i in prediction.object_ids],
        "confidences": [float(c) for c in prediction.confidences],
        "missing_inputs": {name: int(n) for name, n in prediction.missing_inputs.items()},
        "pose": None if prediction.pose is None else pose_to_record(prediction.pose),
        "run": dict(run),
    }


def prediction_from_record(record: Mapping[str, Any]) -> Prediction:
    """Rebuild a prediction in WORLD.

    Raises:
        DataError: A field is missing or has another form, or the schema version is another one.
    """
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DataError(
            f"prediction {record.get('key')!r}: wanted schema version {SCHEMA_VERSION}, found "
            f"{version!r}; predict again, or read it with the version of posealign that wrote it"
        )
    try:
        _require_types(record)
        return Prediction(
            query_id=record["key"],
            benchmark=record["benchmark"],
            scene_id=record["scene_id"],
            text=record["text"],
            alternatives=tuple(record.get("alternatives", ())),
            corners=np.array(record["corners"], dtype=np.float64).reshape(-1, 8, 3),
            masks=tuple(
                RunLengthMask(tuple(map(int, mask["runs"].split())), mask["size"])
                for mask in record["mask_rle"]
            ),
            object_ids=tuple(record["object_ids"]),
            confidences=tuple(record["confidences"]),
            missing_inputs=dict(record.get("missing_inputs", {})),
            pose=None if record["pose"] is None else pose_from_record(record["pose"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError, ShapeError) as error:
        raise DataError(
            f"prediction {record.get('key')!r}: wanted the fields of schema {SCHEMA_VERSION}: "
            f"{error}"
        ) from error


def _require_types(record: Mapping[str, Any]) -> None:
    texts = [record[name] for name in ("key", "benchmark", "scene_id", "text")]
    texts += record.get("alternatives", ())
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"texts are wanted as strings, found {texts!r:.200}")
    if not all(isinstance(number, int) for number in record["object_ids"]):
        raise TypeError(f"object ids are wanted as integers, found {record['object_ids']!r:.200}")


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a prediction file as plain values.

    Raises:
        DataError: The file is missing or not UTF-8, or a line is damaged.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: wanted a file of predictions, found none; run 'posealign predict'"
        )
    records = []
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], start=1):
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{path}: line {number} is damaged ({error})") from error
        if not isinstance(record, dict) or "key" not in record:
            raise DataError(f"{path}: line {number} is no prediction: it has no key")
        records.append(record)
    return records


def read_predictions(path: Path) -> list[Prediction]:
    """Read a prediction file.

    Raises:
        DataError: As `read_records` and `prediction_from_record` do.
    """
    return [prediction_from_record(record) for record in read_records(path)]
