"""Object ids for the published ScanQA files, which carry none (scannet_files spec, section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.atomic import write_text
from posealign_core.datasets.entries import read_entries
from posealign_core.datasets.files import find_file
from posealign_core.datasets.records_3d_llava import (
    MATCHED_TRAIN,
    MATCHED_VAL,
    read_eval_info,
    read_train_info,
)
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.datasets.entries import Entry

__all__ = ["MatchReport", "match_scanqa"]

_BEFORE, _AFTER = len("<pc>\n "), len(" Answer the question simply.")


@dataclass(frozen=True, kw_only=True)
class MatchReport:
    """What `match_scanqa` found.

    Attributes:
        n_train: Training samples.
        n_unmatched: Training samples without an official question of the same text; they got -1.
        n_val: Validation questions, all matched.
        train_path: The list that was written.
        val_path: The mapping that was written.
    """

    n_train: int
    n_unmatched: int
    n_val: int
    train_path: Path
    val_path: Path


def match_scanqa(annotations: Path, playground: Path) -> MatchReport:
    """Recover the object ids of ScanQA samples from the official annotations.

    Training samples are matched by scan and question text, the first official question winning;
    validation questions by `question_id`. The files are written to `data/complementary_info/`.

    Args:
        annotations: Folder with `ScanQA_v1.0_{train,val}.json`.
        playground: Root of the published tree.

    Raises:
        DataError: A file is missing or damaged, or a validation id does not match exactly once.
    """
    train = _match_train(
        read_entries(find_file(annotations, ["ScanQA_v1.0_train.json"])),
        find_file(playground / "data", ["train_info/scanqa_train_3d_llava.json"]),
    )
    val = _match_val(find_file(annotations, ["ScanQA_v1.0_val.json"]), playground)
    folder = playground / "data" / "complementary_info"
    report = MatchReport(
        n_train=len(train),
        n_unmatched=sum(ids == [-1] for ids in train),
        n_val=len(val),
        train_path=folder / MATCHED_TRAIN,
        val_path=folder / MATCHED_VAL,
    )
    write_text(report.train_path, json.dumps(train))
    write_text(report.val_path, json.dumps(val))
    return report


def _match_train(official: list[Entry], path: Path) -> list[list[int]]:
    known: dict[tuple[str, str], list[int]] = {}
    for entry in official:
        key = entry.text("scene_id"), entry.text("question")
        known.setdefault(key, list(entry.integers("object_ids")))
    return [
        known.get((record.scene_id, record.human[_BEFORE:-_AFTER]), [-1])
        for record in read_train_info(path)
    ]


def _match_val(path: Path, playground: Path) -> dict[str, list[int]]:
    official: dict[str, list[int]] = {}
    for entry in read_entries(path):
        name = entry.text("question_id")
        if name in official:
            raise DataError(f"{entry.where}: question {name!r} is there twice; fetch it again")
        official[name] = list(entry.integers("object_ids"))
    wanted = [record.record_id for record in read_eval_info(playground, "scanqa")]
    missing = [name for name in wanted if name not in official]
    if missing or len(set(wanted)) != len(wanted):
        raise DataError(
            f"{path}: wanted each validation question exactly once, found {len(missing)} of "
            f"{len(wanted)} missing or repeated, first {(missing or wanted)[0]!r}"
        )
    return {name: official[name] for name in wanted}
