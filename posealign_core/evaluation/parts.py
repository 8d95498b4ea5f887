"""Prediction files that several processes write, each resumable, and their union."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from posealign_core.atomic import make_folder, write_text
from posealign_core.errors import ConfigError, DataError
from posealign_core.evaluation.records import read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["ALONE", "Part", "Shard", "merge_parts"]

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The share of the work that one process of several does.

    Attributes:
        rank: Which process, from 0.
        world_size: How many there are.

    Raises:
        ConfigError: There is no such process.
    """

    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            fault = f"wanted 0 <= rank < world_size, found {self.rank} and {self.world_size}"
            raise ConfigError([fault], source="shard")

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Its contiguous part; the parts of all processes differ in length by at most one."""
        n = len(items)
        return items[n * self.rank // self.world_size : n * (self.rank + 1) // self.world_size]

    def path(self, output: Path) -> Path:
        """Its file beside `output`."""
        return output.with_name(f"{output.stem}.part-{self.rank}-of-{self.world_size}.jsonl")


ALONE = Shard()
"""The share of a process that does all the work."""


class Part:
    """The file of one shard, appended to as answers come in.

    Args:
        path: The file; what an interrupted attempt left there is kept.
        run: What makes the predictions.

    Attributes:
        records: All records so far, by key.

    Raises:
        DataError: The file holds predictions of another run, or is damaged.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        make_folder(path.parent)
        _drop_cut_line(path)
        kept = read_records(path) if path.is_file() else []
        require_run(path, kept, run)
        self.records = _by_key(path, kept)

    @property
    def marker(self) -> Path:
        """File that says that the part is whole; it holds the number of records."""
        return self.path.with_suffix(".done")

    def append(self, records: Iterable[dict[str, Any]]) -> None:
        """Add records, on disk when this returns."""
        new = list(records)
        self.marker.unlink(missing_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(record) + "\n" for record in new))
        self.records |= {record["key"]: record for record in new}

    def finish(self) -> None:
        """Mark the part as whole."""
        self.path.touch()
        write_text(self.marker, f"{len(self.records)}\n")


def require_run(path: Path, records: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> None:
    """Refuse records that something else made.

    Raises:
        DataError: The first that differs is named.
    """
    plain = json.loads(json.dumps(run))
    for record in records:
        if record.get("run") != plain:
            theirs = record.get("run") or {}
            differing = sorted(k for k in {*plain, *theirs} if plain.get(k) != theirs.get(k))
            raise DataError(
                f"{path}: prediction {record.get('key')!r} was made with another "
                f"{', '.join(differing)}; remove the file, or choose another output"
            )


def merge_parts(output: Path, world_size: int, keys: Sequence[str]) -> None:
    """Join the parts of all processes into one file, and remove them.

    Args:
        output: The file to write, in the order of `keys`.
        world_size: How many processes there were.
        keys: Ids of all queries.

    Raises:
        DataError: A part is not whole, a key is in two parts, or keys are missing or unknown.
    """
    paths = [Shard(rank, world_size).path(output) for rank in range(world_size)]
    records: list[dict[str, Any]] = []
    for path in paths:
        marker = path.with_suffix(".done")
        part = read_records(path) if marker.is_file() else None
        if part is None or len(part) != int(marker.read_text(encoding="utf-8")):
            raise DataError(f"{path}: is not whole; run its process again before merging")
        records += part
    by_key = _by_key(output, records)
    missing, unknown = set(keys) - by_key.keys(), by_key.keys() - set(keys)
    if missing or unknown:
        raise DataError(
            f"{output}: the parts lack {len(missing)} queries and have {len(unknown)} unknown ones "
            f"(for example {next(iter(sorted(missing or unknown)))!r}); were they made from the "
            "same queries?"
        )
    write_text(output, "".join(json.dumps(by_key[key]) + "\n" for key in keys))
    for path in paths:
        path.with_suffix(".done").unlink()
        path.unlink()


def _by_key(path: Path, records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    by_key = {record["key"]: record for record in records}
    if len(by_key) != len(records):
        keys = [record["key"] for record in records]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f"{path}: query {twice!r} is answered twice")
    return by_key


def _drop_cut_line(path: Path) -> None:
    """Cut off a last line that was interrupted while it was written."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
