from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from posealign_core.config.files import parse_value, read_layer
from posealign_core.config.merge import merge, nested
from posealign_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_inheritance_merges_and_remembers_where_each_value_was_set(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", "a: {x: 1, y: 2}\nlist: [1, 2]\n")
    middle = write(tmp_path, "sub/middle.yaml", "_base_: ../base.yaml\na: {y: 3}\n")
    top = write(tmp_path, "top.yaml", "_base_: sub/middle.yaml\nlist: [9]\nb: 1e-4\n")
    layer = read_layer(top)
    assert layer.values == {"a": {"x": 1, "y": 3}, "list": [9], "b": 1e-4}
    assert layer.origins == {
        "a.x": str(base),
        "a.y": str(middle),
        "list": str(top),
        "b": str(top),
    }


def test_label_names_the_file_itself(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", "a: 1\n")
    top = write(tmp_path, "top.yaml", "_base_: base.yaml\nb: 2\n")
    assert read_layer(top, "preset p").origins == {"a": str(base), "b": "preset p"}


def test_several_bases_and_delete(tmp_path: Path) -> None:
    write(tmp_path, "one.yaml", "s: {name: clip, ratio: 0.3}\n")
    write(tmp_path, "two.yaml", "t: 1\n")
    text = "_base_: [one.yaml, two.yaml]\ns: {_delete_: true, name: top}\n"
    assert read_layer(write(tmp_path, "top.yaml", text)).values == {"s": {"name": "top"}, "t": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("_base_: missing.yaml\n", "cannot be read: No such file"),
        ("_base_: evil.py\n", r"wanted a file that ends with \.json, \.yaml, \.yml"),
        ("_base_: top.yaml\n", "inherits from itself"),
        ("a: [1\n", "is not plain YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not plain YAML"),
        ("# only a comment\n", "is empty; write {}"),
        ("- 1\n- 2\n", "wanted named sections"),
        ("3: x\n", "wanted named sections"),
        ("_base_: base.yaml\na: {x: 1}\n", "cannot be merged"),
    ],
)
def test_bad_files_are_refused_with_their_name(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, "evil.py", "raise SystemExit('this file was run')\n")
    write(tmp_path, "base.yaml", "a: 1\n")
    top = write(tmp_path, "top.yaml", text)
    with pytest.raises(ConfigError, match=problem) as caught:
        read_layer(top)
    assert str(tmp_path) in caught.value.source


def test_latin_1_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("a: Größe".encode("latin-1"))
    with pytest.raises(ConfigError, match="not plain YAML"):
        read_layer(path)


def test_empty_section_sets_nothing(tmp_path: Path) -> None:
    assert read_layer(write(tmp_path, "x.yaml", "{}\n")).values == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("-2.5E+3", -2500.0),
        ("3", 3),
        ("true", True),
        ("null", None),
        ("[1e-2, a]", [0.01, "a"]),
        ("{ratio: 2e-1}", {"ratio": 0.2}),
        ("e5", "e5"),
        ("scene0000_00", "scene0000_00"),
    ],
)
def test_values_are_yaml_with_numbers_as_people_write_them(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert json.dumps(parse_value(text)) == json.dumps(value)


def test_merge_leaves_its_arguments_alone() -> None:
    base, over = {"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}
    assert merge(base, over) == {"a": {"x": 1, "y": 2}, "b": 3}
    assert (base, over) == ({"a": {"x": 1}}, {"a": {"y": 2}, "b": 3})


def test_merge_replaces_what_is_no_section() -> None:
    assert merge({"a": {"x": 1}}, {"a": "top"}) == {"a": "top"}
    assert merge({"a": [1]}, {"a": {"x": 1}}) == {"a": {"x": 1}}
    assert merge({"a": "clip"}, {"a": {"x": 1}}) == {"a": {"name": "clip", "x": 1}}
    assert merge({"a": {"x": 1}}, {"a": {"_delete_": True, "y": 2}}) == {"a": {"y": 2}}


def test_dotted_keys_become_sections() -> None:
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
