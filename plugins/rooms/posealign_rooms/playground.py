"""The processed 3D-LLaVA tree (3d_llava spec 7.2, 8) and Chat-Scene's attribute files (2.2)."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_core.atomic import atomic_path, make_folder, write_text
from posealign_core.datasets.torch_files import save_torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from posealign_rooms.annotate import Row
    from posealign_rooms.mesh import RoomMesh
    from posealign_rooms.plan import RoomPlan
    from posealign_rooms.shards import Shard

__all__ = ["write_attributes", "write_processed_scan", "write_records"]

_NYU40_OF_20 = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
_SHORT = " Answer the question simply."
_SHORTEST = " Answer the question using a single word or phrase."
_FIND = "<pc>\n Mark the object that this text is about. \n"
_FIND_ANY = "<pc>\n Mark every object that this text is about; there may be none. \n"
_CAPTION = "<pc>\nSay what is at <loc> and where it stands."


def write_processed_scan(root: Path, plan: RoomPlan, mesh: RoomMesh) -> None:
    """Write `<split>/<id>.pth` and `super_points/<id>.bin`."""
    folder = root / "playground" / "data" / "scannet"
    classes = np.full(41, -1, np.int64)
    classes[list(_NYU40_OF_20)] = np.arange(20)
    values = {
        "coord": mesh.vertices,
        "color": mesh.colors.astype(np.float32),
        "normal": mesh.normals,
        "semantic_gt20": classes[mesh.nyu40],
        "instance_gt": mesh.instance_ids,
        "scene_id": plan.scene_id,
    }
    save_torch(folder / plan.split / f"{plan.scene_id}.pth", values)
    with atomic_path(folder / "super_points" / f"{plan.scene_id}.bin") as temporary:
        temporary.write_bytes(mesh.segment_ids.astype("<i8").tobytes())


def write_records(root: Path, shards: list[Shard]) -> None:
    """Write the alignment pickle, `train_info/`, `eval_info/`, and a link to the poses."""
    data = root / "playground" / "data"
    alignments = {s.scene_id: np.array(s.aligned_from_world) for s in shards}
    with atomic_path(data / "scannet" / "scannet_axis_align_matrix_trainval.pkl") as temporary:
        temporary.write_bytes(pickle.dumps(alignments, protocol=4))
    for name, records in _train_info(shards).items():
        numbered = [{"id": str(i), **record} for i, record in enumerate(records)]
        write_text(data / "train_info" / f"{name}_train_3d_llava.json", json.dumps(numbered))
    for name, text in _eval_info(shards).items():
        write_text(data / "eval_info" / name, text)
    make_folder(root / "poses")
    link = root / "playground" / "poses"
    if not link.is_symlink():
        link.symlink_to("../poses", target_is_directory=True)


def write_attributes(root: Path, shards: list[Shard]) -> None:
    """Write `annotations/scannet_{train,val}_attributes.pt`: labels and boxes of all objects."""
    for split in ("train", "val"):
        values = {
            shard.scene_id: {
                "objects": shard.labels,
                "locs": torch.tensor(shard.boxes, dtype=torch.float32).reshape(-1, 6),
            }
            for shard in shards
            if shard.split == split
        }
        save_torch(root / "annotations" / f"scannet_{split}_attributes.pt", values)


def _rows(shards: Iterable[Shard], name: str) -> Iterator[dict[str, Any]]:
    for shard in shards:
        for row in shard.annotations.get(name, []):
            yield row["row"]


def _train_info(shards: list[Shard]) -> dict[str, list[dict[str, Any]]]:
    scanrefer = list(_rows(shards, "scanrefer_train"))
    nr3d = list(_rows(shards, "nr3d_train"))
    return {
        "scanrefer": [_refer(_FIND, r, r["description"], int(r["object_id"])) for r in scanrefer],
        "multi3drefer": [
            _refer(_FIND_ANY, r, r["description"], r["object_ids"])
            for r in _rows(shards, "multi3drefer_train")
        ],
        "nr3d": [_refer(_FIND, r, r["utterance"], int(r["target_id"])) for r in nr3d],
        "scan2cap": [_caption(r, r["description"], int(r["object_id"])) for r in scanrefer],
        "nr3d_caption": [_caption(r, r["utterance"], int(r["target_id"])) for r in nr3d],
        "scanqa": [
            _record(r["scene_id"], f"<pc>\n {r['question']}{_SHORT}", r["answers"][0], "vqa")
            for r in _rows(shards, "scanqa_train")
        ],
        "sqa3d": [
            {
                **_record(
                    r["question"]["scene_id"],
                    f"<pc>\n {_situated(r)}{_SHORTEST}",
                    r["annotation"]["answers"][0]["answer"],
                    "vqa",
                ),
                "object_id": -1,
            }
            for r in _rows(shards, "sqa3d_train")
        ],
    }


def _record(scene_id: str, human: str, answer: str, task: str) -> dict[str, Any]:
    turns = [{"from": "human", "value": human}, {"from": "gpt", "value": answer}]
    return {"scene_id": scene_id, "conversations": turns, "task_type": task}


def _refer(prompt: str, row: dict[str, Any], text: str, target: int | list[int]) -> dict[str, Any]:
    scene_id = row.get("scene_id") or row["scan_id"]
    answer = "There is none." if target == [] else "Here: [SEG]."
    return {**_record(scene_id, prompt + text, answer, "refer_seg"), "object_id": target}


def _caption(row: dict[str, Any], text: str, target: int) -> dict[str, Any]:
    scene_id = row.get("scene_id") or row["scan_id"]
    return {**_record(scene_id, _CAPTION, text, "dense_captioning"), "object_id": target}


def _situated(row: dict[str, Any]) -> str:
    return f"{row['question']['situation']} {row['question']['question']}"


def _eval_info(shards: list[Shard]) -> dict[str, str]:
    scanqa = [
        {"question_id": r["question_id"], "scene_id": r["scene_id"], "text": r["question"]}
        for r in _rows(shards, "scanqa_val")
    ]
    sqa3d = [
        {
            "question_id": r["question"]["question_id"],
            "scene_id": r["question"]["scene_id"],
            "text": _situated(r) + _SHORTEST,
        }
        for r in _rows(shards, "sqa3d_test")
    ]
    scanrefer = list(_rows(shards, "scanrefer_val"))
    return {
        "scanqa/scanqa_val_question.jsonl": _lines(scanqa),
        "sqa3d/sqa3d_test_question.json": _lines(sqa3d),
        "referseg_scanrefer/ScanRefer_filtered_val.json": json.dumps(scanrefer),
        "multi3drefer/multi3drefer_val.json": json.dumps(list(_rows(shards, "multi3drefer_val"))),
        "densecap_scanrefer/scan2cap_mask3d_val.json": json.dumps(_to_describe(scanrefer)),
    }


def _to_describe(scanrefer: list[Row]) -> list[dict[str, Any]]:
    """One entry per described object; its own mask stands for the detected one."""
    captions: dict[tuple[str, int], list[str]] = {}
    for row in scanrefer:
        key = row["scene_id"], int(row["object_id"])
        captions.setdefault(key, []).append(f"sos {row['description']} eos")
    return [
        {
            "scene_id": scene_id,
            "obj_id": object_id,
            "pred_id": object_id,
            "prompt": _CAPTION,
            "ref_captions": texts,
            "iou": 1.0,
        }
        for (scene_id, object_id), texts in captions.items()
    ]


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
