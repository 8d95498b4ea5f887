"""Training and evaluation records of the published 3D-LLaVA tree (3d_llava spec 7.2, 8.5, 8.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.datasets.entries import Entry, entries_of, object_ids_of
from posealign_core.datasets.files import find_file, read_json, read_json_lines
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "EvalRecord",
    "TrainRecord",
    "read_eval_info",
    "read_matched_train",
    "read_matched_val",
    "read_train_info",
]

EVAL_FILES = {
    "scanrefer": "referseg_scanrefer/ScanRefer_filtered_val.json",
    "multi3drefer": "multi3drefer/multi3drefer_val.json",
    "scanqa": "scanqa/scanqa_val_question.jsonl",
    "sqa3d": "sqa3d/sqa3d_test_question.json",
    "scan2cap": "densecap_scanrefer/scan2cap_mask3d_val.json",
}
"""Evaluation files by benchmark, under `data/eval_info/`."""

TRAIN_FILES = tuple(
    f"{name}_train_3d_llava.json"
    for name in ("scanrefer", "multi3drefer", "nr3d", "scan2cap", "nr3d_caption", "scanqa", "sqa3d")
)
"""Training files, under `data/train_info/`."""

MATCHED_TRAIN = "matched_ScanQA_v1.0_train.json"
MATCHED_VAL = "matched_ScanQA_v1.0_val.json"
"""Object ids of ScanQA samples, under `data/complementary_info/`."""


@dataclass(frozen=True, kw_only=True)
class TrainRecord:
    """One conversation about a scan.

    Attributes:
        record_id: The file's own id.
        scene_id: The scan.
        task_type: `refer_seg`, `vqa` or `dense_captioning`.
        turns: Speaker (`human` or `gpt`) and text of each turn, as published.
        object_ids: Objects meant; empty where the file says none, -1 or nothing.
        proposal_id: Detected object that stands for the target, or None.
    """

    record_id: str
    scene_id: str
    task_type: str
    turns: tuple[tuple[str, str], ...]
    object_ids: tuple[int, ...]
    proposal_id: int | None

    @property
    def human(self) -> str:
        """The first human turn."""
        return next(text for speaker, text in self.turns if speaker == "human")


@dataclass(frozen=True, kw_only=True)
class EvalRecord:
    """One question of an evaluation file.

    Attributes:
        record_id: Question id, or the place in the file where it has none.
        scene_id: The scan.
        text: Question or description; `""` for captioning.
        object_ids: Objects meant, where the file says so.
        proposal_id: Detected object to describe, or None.
        references: Reference captions, where the file has them.
    """

    record_id: str
    scene_id: str
    text: str
    object_ids: tuple[int, ...]
    proposal_id: int | None
    references: tuple[str, ...]


def read_train_info(path: Path) -> list[TrainRecord]:
    """Read a `*_train_3d_llava.json` file, in file order.

    Raises:
        DataError: The file is missing or damaged, or a record lacks a field or a human turn.
    """
    return [_train_record(entry) for entry in entries_of(read_json(path), path)]


def read_eval_info(root: Path, benchmark: str) -> list[EvalRecord]:
    """Read the evaluation file of a benchmark, in file order.

    Args:
        root: `playground`, its `data/`, or `data/eval_info/`.
        benchmark: One of `scanrefer`, `multi3drefer`, `scanqa`, `sqa3d`, `scan2cap`.

    Raises:
        DataError: There is no such file, or it is damaged.
    """
    if benchmark not in EVAL_FILES:
        raise DataError(f"wanted a benchmark of {', '.join(EVAL_FILES)}, found {benchmark!r}")
    name = EVAL_FILES[benchmark]
    path = find_file(root, [name, f"eval_info/{name}", f"data/eval_info/{name}"])
    # The two question files are JSON lines, whatever their names end in.
    lines = benchmark in {"scanqa", "sqa3d"}
    values = read_json_lines(path) if lines else read_json(path)
    return [_eval_record(entry, i) for i, entry in enumerate(entries_of(values, path))]


def read_matched_train(path: Path) -> list[tuple[int, ...]]:
    """Object ids of each training sample, in file order; empty where none matched.

    Raises:
        DataError: The file is missing or damaged.
    """
    values = read_json(path)
    if not isinstance(values, list):
        raise DataError(f"{path}: wanted a list of object ids, found {type(values).__name__}")
    return [object_ids_of(ids, f"{path}, entry {i}") for i, ids in enumerate(values)]


def read_matched_val(path: Path) -> dict[str, tuple[int, ...]]:
    """Object ids of each validation question, by question id.

    Raises:
        DataError: The file is missing or damaged.
    """
    rows = Entry(read_json(path), str(path)).values
    return {name: object_ids_of(ids, f"{path}, {name!r}") for name, ids in rows.items()}


def _train_record(entry: Entry) -> TrainRecord:
    turns = tuple(
        (turn.text("from"), turn.text("value"))
        for turn in (Entry(value, entry.where) for value in entry.get("conversations"))
    )
    if all(speaker != "human" for speaker, _ in turns):
        raise DataError(f"{entry.where}: wanted a human turn, found {[who for who, _ in turns]}")
    return TrainRecord(
        record_id=entry.text("id"),
        scene_id=entry.text("scene_id"),
        task_type=entry.text("task_type"),
        turns=turns,
        object_ids=_objects(entry, "object_id"),
        proposal_id=entry.integer("pred_id") if "pred_id" in entry else None,
    )


def _eval_record(entry: Entry, place: int) -> EvalRecord:
    text_keys = ("text", "question", "description", "utterance")
    has_text = any(key in entry for key in text_keys)
    captions = entry.texts("ref_captions") if "ref_captions" in entry else ()
    if not has_text and "pred_id" not in entry:
        entry.get(*text_keys)
    return EvalRecord(
        record_id=entry.text("question_id") if "question_id" in entry else str(place),
        scene_id=entry.text("scene_id", "scan_id"),
        text=entry.text(*text_keys) if has_text else "",
        object_ids=_objects(entry, "object_ids", "object_id", "obj_id"),
        proposal_id=entry.integer("pred_id") if "pred_id" in entry else None,
        references=captions,
    )


def _objects(entry: Entry, *keys: str) -> tuple[int, ...]:
    if all(key not in entry for key in keys):
        return ()
    return object_ids_of(entry.get(*keys), entry.where)
