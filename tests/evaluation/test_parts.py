from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import ConfigError, DataError, PoseAlignError
from posealign_core.evaluation.parts import Part, Shard, merge_parts

if TYPE_CHECKING:
    from pathlib import Path

RUN = {"id": "r", "seed": 0}
KEYS = ["a", "b", "c", "d", "e"]


def record(key: str, **changes: Any) -> dict[str, Any]:
    return {"key": key, "text": "x", "run": RUN, **changes}


def write_part(output: Path, rank: int, world_size: int, keys: list[str]) -> Part:
    part = Part(Shard(rank, world_size).path(output), RUN)
    part.append(record(key) for key in keys)
    return part


def test_files_are_named_by_rank_and_number(tmp_path: Path) -> None:
    assert Shard(1, 4).path(tmp_path / "sqa3d.jsonl").name == "sqa3d.part-1-of-4.jsonl"


@given(st.integers(0, 50), st.integers(1, 9))
def test_shards_are_contiguous_and_balanced(n_items: int, world_size: int) -> None:
    parts = [Shard(rank, world_size).of(range(n_items)) for rank in range(world_size)]
    assert [i for part in parts for i in part] == list(range(n_items))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_no_such_shard(rank: int, world_size: int) -> None:
    with pytest.raises(ConfigError, match="0 <= rank < world_size"):
        Shard(rank, world_size)


def test_merging_restores_the_order_and_cleans_up(tmp_path: Path) -> None:
    output = tmp_path / "p.jsonl"
    for rank, keys in enumerate([["b", "a"], ["c"], ["e", "d"]]):
        write_part(output, rank, 3, keys).finish()
    merge_parts(output, 3, KEYS)
    assert [json.loads(line)["key"] for line in output.read_text().splitlines()] == KEYS
    assert list(tmp_path.iterdir()) == [output]


def test_merging_wants_every_part_whole(tmp_path: Path) -> None:
    output = tmp_path / "p.jsonl"
    write_part(output, 0, 2, ["a", "b"]).finish()
    unfinished = write_part(output, 1, 2, ["c"])
    with pytest.raises(DataError, match=r"part-1-of-2.*not whole"):
        merge_parts(output, 2, ["a", "b", "c"])
    unfinished.finish()
    unfinished.append([record("d")])  # withdraws the mark
    with pytest.raises(DataError, match="not whole"):
        merge_parts(output, 2, KEYS[:4])
    unfinished.finish()
    merge_parts(output, 2, KEYS[:4])


def test_merging_refuses_what_was_lost_behind_a_mark(tmp_path: Path) -> None:
    output = tmp_path / "p.jsonl"
    part = write_part(output, 0, 1, ["a", "b"])
    part.finish()
    part.path.write_text(part.path.read_text().splitlines(keepends=True)[0])
    with pytest.raises(DataError, match="not whole"):
        merge_parts(output, 1, ["a", "b"])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([["a", "b"], ["b", "c"]], "'b' is answered twice"),
        ([["a"], ["c"]], "lack 1 queries and have 0 unknown"),
        ([["a", "b"], ["c", "z"]], "lack 0 queries and have 1 unknown.*'z'"),
    ],
)
def test_merging_refuses_duplicates_and_gaps(
    tmp_path: Path, parts: list[list[str]], message: str
) -> None:
    output = tmp_path / "p.jsonl"
    for rank, keys in enumerate(parts):
        write_part(output, rank, 2, keys).finish()
    with pytest.raises(DataError, match=message):
        merge_parts(output, 2, ["a", "b", "c"])
    assert not output.exists()


def test_a_cut_line_is_forgotten_and_the_file_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "p.jsonl"
    path = write_part(output, 0, 1, ["a", "b"]).path
    path.write_text(path.read_text() + '{"key": "c", "te')
    part = Part(path, RUN)
    assert set(part.records) == {"a", "b"}
    part.append([record("c")])
    part.finish()
    merge_parts(output, 1, ["a", "b", "c"])


def test_predictions_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    path = write_part(tmp_path / "p.jsonl", 0, 1, ["a"]).path
    with pytest.raises(DataError, match="'a' was made with another seed"):
        Part(path, {**RUN, "seed": 1})


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PoseAlignError, match="file"):
        Part(tmp_path / "file" / "p.jsonl", RUN)
