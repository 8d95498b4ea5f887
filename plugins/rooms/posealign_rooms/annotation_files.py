"""The joint annotation files of a set under their official names, and the poses beside them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.benchmarks.query_poses import query_poses_path
from posealign_core.evaluation.protocols.groups import LABEL_MAP
from posealign_rooms.catalogue import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_rooms.annotate import Row
    from posealign_rooms.shards import Shard

__all__ = ["BENCHMARKS", "chance_of", "write_annotations"]

BENCHMARKS = ("multi3drefer", "nr3d", "scan2cap", "scanqa", "scanrefer", "sqa3d")
_SPLITS = ("train", "val", "test")


def write_annotations(root: Path, shards: list[Shard]) -> None:
    """Write `annotations/` and the split lists."""
    folder = root / "annotations"
    for split in ("train", "val"):
        names = [shard.scene_id for shard in shards if shard.split == split]
        write_text(root / f"scannetv2_{split}.txt", "".join(f"{name}\n" for name in names))
    for name, rows in _by_name(shards).items():
        benchmark, _, split = name.rpartition("_")
        poses = {row["query_id"]: row["pose"] for row in rows}
        write_text(query_poses_path(folder, benchmark, split), json.dumps(poses))
        for file_name, text in _texts(benchmark, split, [row["row"] for row in rows]).items():
            write_text(folder / file_name, text)
    every = [row["row"] for s in shards for row in s.annotations.get(f"nr3d_{s.split}", [])]
    write_text(folder / "nr3d.csv", _csv(every))
    write_text(folder / LABEL_MAP, _label_map())


def _label_map() -> str:
    """The columns of ScanNet's label map that scoring reads, tab-separated."""
    rows = [f"{k.name}\t{k.nyu40}\t{k.nyu40_name}\n" for k in KINDS.values()]
    return "".join(["raw_category\tnyu40id\tnyu40class\n", *rows])


def chance_of(shards: list[Shard]) -> dict[str, dict[str, dict[str, float]]]:
    """Counts and chance levels by split and benchmark.

    Chance is the expected share of right answers of the best answerer who knows everything but the
    pose, over all questions, over those that the pose decides, and over the others.
    """
    levels: dict[str, dict[str, dict[str, float]]] = {}
    for name, rows in sorted(_by_name(shards).items()):
        benchmark, _, split = name.rpartition("_")
        poses = [row["pose"] for row in rows]
        subsets = {
            "all": poses,
            "direction_critical": [p for p in poses if p["direction_critical"]],
            "other": [p for p in poses if not p["direction_critical"]],
        }
        known = levels.setdefault(split, {}).setdefault(benchmark, {})
        for subset, members in subsets.items():
            known[f"n_{subset}"] = len(members)
            # A caption is neither right nor wrong.
            if members and benchmark != "scan2cap":
                known[subset] = sum(p["chance"] for p in members) / len(members)
    return levels


def _by_name(shards: list[Shard]) -> dict[str, list[Row]]:
    """All rows by `<benchmark>_<split>`, scene by scene."""
    rows: dict[str, list[Row]] = {f"{b}_{s}": [] for b in BENCHMARKS for s in _SPLITS}
    for shard in shards:
        for name, own in shard.annotations.items():
            rows[name] += own
    return {name: found for name, found in rows.items() if found}


def _texts(benchmark: str, split: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Content of a benchmark's own files, by name; Scan2Cap has none, Nr3D one for all splits."""
    if benchmark == "sqa3d":
        questions = {"questions": [row["question"] for row in rows]}
        answers = {"annotations": [row["annotation"] for row in rows]}
        return {
            f"v1_balanced_questions_{split}_scannetv2.json": json.dumps(questions),
            f"v1_balanced_sqa_annotations_{split}_scannetv2.json": json.dumps(answers),
        }
    names = {
        "scanrefer": f"ScanRefer_filtered_{split}.json",
        "multi3drefer": f"multi3drefer_{split}.json",
        "scanqa": f"ScanQA_v1.0_{split}.json",
    }
    return {names[benchmark]: json.dumps(rows)} if benchmark in names else {}


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
