"""Finding and reading small files, and typed access to their entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from data_files import write_json
from hypothesis import given, settings
from hypothesis import strategies as st

from posealign_core.datasets.entries import Entry, object_ids_of, read_entries
from posealign_core.datasets.files import find_file, read_json, read_json_lines, read_text
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_spelling_in_the_folder_wins(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert find_file(tmp_path, ["a.txt", "b.txt"]).name == "a.txt"
    assert find_file(tmp_path, ["c.txt", "b.txt"]).name == "b.txt"
    (tmp_path / "a.txt").unlink()
    assert find_file(tmp_path, ["a.txt"]).parent.name == "sub"


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'a' or 'b' there or one folder down, found none"):
        find_file(tmp_path / "nowhere", ["a", "b"])


@pytest.mark.parametrize("text", ['{"a": [1, 2', "", "[1, 2]]", "{'a': 1}", '{"a": 1}\n{"b": 2}'])
def test_damaged_json_names_file_and_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(
        DataError, match=r"x\.json: wanted JSON, found damage at line [12]"
    ) as caught:
        read_json(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_very_deep_json_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(DataError, match=r"deep\.json"):
        read_json(tmp_path / "deep.json")


def test_json_lines_skip_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n\n  \n{"a": 2}\n')
    assert read_json_lines(path) == [{"a": 1}, {"a": 2}]
    assert [entry.integer("a") for entry in read_entries(path)] == [1, 2]


def test_text_that_is_not_utf8_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        read_text(tmp_path / "x.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path)


def test_fields_come_in_their_type() -> None:
    entry = Entry({"a": "5", "b": 2.5, "c": ["x"], "d": ["1", 2], "e": 7}, "f.json, entry 3")
    assert entry.integer("a") == 5
    assert entry.integer("z", "e") == 7
    assert entry.number("b") == 2.5
    assert entry.text("e") == "7"
    assert entry.texts("c") == ("x",)
    assert entry.integers("d") == (1, 2)
    assert "a" in entry
    assert "z" not in entry


@pytest.mark.parametrize(
    ("method", "value", "wanted"),
    [
        ("integer", 2.5, "an integer"),
        ("integer", "five", "an integer"),
        ("integer", float("inf"), "an integer"),
        ("integers", [float("inf")], "a list of integers"),
        ("integer", None, "an integer"),
        ("integer", [1], "an integer"),
        ("number", "wide", "a number"),
        ("number", None, "a number"),
        ("text", ["a"], "text"),
        ("text", None, "text"),
        ("texts", "ab", "a list of texts"),
        ("texts", [1], "a list of texts"),
        ("integers", 5, "a list of integers"),
        ("integers", ["x"], "a list of integers"),
    ],
)
def test_fields_of_another_type_are_named(method: str, value: Any, wanted: str) -> None:
    entry = Entry({"key": value}, "f.json, entry 3")
    with pytest.raises(DataError, match=rf"f\.json, entry 3: wanted 'key' as {wanted}"):
        getattr(entry, method)("key")


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_json_value_is_read_or_refused_with_its_place(value: Any) -> None:
    entry = Entry({"key": value}, "place")
    for method in (entry.integer, entry.number, entry.text, entry.texts, entry.integers):
        try:
            method("key")
        except DataError as error:
            message = str(error)
        else:
            message = "place: wanted"
        assert message.startswith("place: wanted")


@settings(deadline=None)
@given(st.lists(st.integers(0, 500)))
def test_object_ids_of_a_list_are_the_list(ids: list[int]) -> None:
    assert object_ids_of(ids, "x") == tuple(ids)
    assert object_ids_of([*ids, -1, None], "x") == tuple(ids)


def test_object_ids_of_anything_else_are_refused() -> None:
    with pytest.raises(DataError, match="x: wanted object ids, found 'chair'"):
        object_ids_of("chair", "x")


def test_a_file_of_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wanted a list of entries, found dict"):
        read_entries(write_json(tmp_path / "x.json", {"a": 1}))
