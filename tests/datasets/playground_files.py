"""A small published 3D-LLaVA tree, file by file."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from data_files import ALIGNMENT, CUBE, look_poses, write_json, write_pose_texts

from posealign_core.datasets.records_3d_llava import EVAL_FILES, TRAIN_FILES

if TYPE_CHECKING:
    from pathlib import Path

QUESTIONS = {"scene0000_00": "What color is the chair?", "scene0001_00": "Where is the lamp?"}


def scan_arrays(scene_id: str) -> dict[str, Any]:
    """A cube of object 3 (class chair), four unlabelled points beside it."""
    points = np.concatenate([CUBE, CUBE[:4] + np.array([0, 5, 0])]).astype(np.float32)
    return {
        "coord": points,
        "color": np.full((12, 3), 127.6, np.float32),
        "normal": np.tile(np.float32([0, 0, 1]), (12, 1)),
        "semantic_gt20": np.array([4] * 6 + [6] * 2 + [-1] * 4),
        "semantic_gt200": np.array([4] * 8 + [-1] * 4),
        "instance_gt": np.array([3] * 8 + [-1] * 4),
        "scene_id": scene_id,
    }


def train_record(number: int, scene_id: str, text: str, **fields: Any) -> dict[str, Any]:
    turns = [{"from": "human", "value": text}, {"from": "gpt", "value": "brown"}]
    return {
        "id": number,
        "scene_id": scene_id,
        "conversations": turns,
        "task_type": "vqa",
        **fields,
    }


def write_playground(root: Path) -> Path:
    """One scan per split, every record file, poses of both scans."""
    scannet = root / "data" / "scannet"
    for split, scene_id in (("train", "scene0000_00"), ("val", "scene0001_00")):
        (scannet / split).mkdir(parents=True)
        torch.save(scan_arrays(scene_id), scannet / split / f"{scene_id}.pth")
        (scannet / "super_points").mkdir(exist_ok=True)
        np.arange(12, dtype="<i8").tofile(scannet / "super_points" / f"{scene_id}.bin")
        write_pose_texts(root / "poses" / "scans" / scene_id / "pose", look_poses(3))
    matrices = {"scene0000_00": ALIGNMENT, "scene0001_00": np.eye(4).tolist()}
    alignment = scannet / "scannet_axis_align_matrix_trainval.pkl"
    alignment.write_bytes(pickle.dumps(matrices))
    _write_records(root / "data")
    return root


def _write_records(data: Path) -> None:
    question = f"<pc>\n {QUESTIONS['scene0000_00']} Answer the question simply."
    for name in TRAIN_FILES:
        text = question if name.startswith("scanqa") else "<pc>\nFind the chair."
        fields = {} if name.startswith("scanqa") else {"object_id": 3}
        rows = [train_record(0, "scene0000_00", text, **fields)]
        write_json(data / "train_info" / name, rows)
    rows_by_benchmark: dict[str, list[dict[str, Any]]] = {
        "scanrefer": [{"scene_id": "scene0001_00", "object_id": "3", "description": "a chair"}],
        "multi3drefer": [{"scan_id": "scene0001_00", "object_ids": [], "utterance": "no such"}],
        "scanqa": [{"question_id": "val-0", "scene_id": "scene0001_00", "text": "Where?"}],
        "sqa3d": [{"question_id": 220602000000, "scene_id": "scene0001_00", "text": "Which?"}],
        "scan2cap": [
            {
                "scene_id": "scene0001_00",
                "obj_id": 3,
                "pred_id": 12,
                "ref_captions": ["sos A chair. eos"],
            }
        ],
    }
    for benchmark, rows in rows_by_benchmark.items():
        path = data / "eval_info" / EVAL_FILES[benchmark]
        if benchmark in {"scanqa", "sqa3d"}:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            write_json(path, rows)
    write_json(data / "complementary_info" / "matched_ScanQA_v1.0_train.json", [[3]])
    write_json(data / "complementary_info" / "matched_ScanQA_v1.0_val.json", {"val-0": [3]})
