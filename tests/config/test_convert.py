from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.config.convert import OPEN, Converter, to_plain
from posealign_core.errors import ConfigError, ShapeError
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Rule:
    name: str = "top"
    parameters: Mapping[str, object] = field(default_factory=dict, metadata=OPEN)


@dataclass(frozen=True, kw_only=True)
class Part:
    width: int = 3
    rate: float = 1.0
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.width == 13:
            raise ShapeError("13 is unlucky")
        if self.width < 0:
            raise ConfigError([f"width = {self.width}: wanted at least 0", "and more"])


@dataclass(frozen=True, kw_only=True)
class Whole:
    part: Part = field(default_factory=Part)
    rule: Rule = field(default_factory=Rule)
    modes: frozenset[AlignMode] = frozenset()
    path: Path | None = None
    sizes: tuple[int, ...] = ()
    pair: tuple[int, str] = (1, "x")
    either: int | str = 1
    flag: bool = False
    rates: Mapping[str, float] = field(default_factory=dict)
    name: str


def build(values: Mapping[str, Any]) -> Whole:
    return Converter().build(Whole, values, source="test")


def faults(values: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        build(values)
    return caught.value.faults


def test_every_kind_of_value_converts() -> None:
    whole = build(
        {
            "name": "n",
            "part": {"width": 5, "rate": 2},
            "rule": {"name": "clip", "ratio": 0.3},
            "modes": ["transform", "embed"],
            "path": "~/x",
            "sizes": [1, 2],
            "pair": [2, "y"],
            "either": "text",
            "flag": True,
            "rates": {"a.b": 1},
        }
    )
    assert whole == Whole(
        name="n",
        part=Part(width=5, rate=2.0),
        rule=Rule(name="clip", parameters={"ratio": 0.3}),
        modes=frozenset({AlignMode.TRANSFORM, AlignMode.EMBED}),
        path=Path.home() / "x",
        sizes=(1, 2),
        pair=(2, "y"),
        either="text",
        flag=True,
        rates={"a.b": 1.0},
    )
    assert type(whole.part.rate) is float


def test_all_faults_are_named_at_once() -> None:
    found = faults(
        {
            "part": {"width": "5", "rate": True, "kind": "c", "widht": 1},
            "modes": ["transfrom"],
            "path": 3,
            "sizes": [1, 2.0],
            "pair": [1],
            "either": 1.5,
            "flag": 1,
            "rates": {"a": "fast"},
            "rule": 7,
        }
    )
    wanted = [
        "part.width = '5': wanted a whole number, found text",
        "part.rate = True: wanted a number, found true or false",
        "part.kind = 'c': wanted one of 'a', 'b'",
        "part.widht = 1: no such key; did you mean 'width'?",
        "modes[0] = 'transfrom': wanted one of 'transform', 'prompt', 'embed'; "
        "did you mean 'transform'?",
        "path = 3: wanted a path",
        "sizes[1] = 2.0: wanted a whole number, found a number",
        "pair = [1]: wanted 2 items, found 1",
        "either = 1.5: wanted a whole number or text",
        "flag = 1: wanted true or false, found a whole number",
        "rates.a = 'fast': wanted a number, found text",
        "rule = 7: wanted a section (name, parameters)",
        "name: is required and not set",
    ]
    assert sorted(found) == sorted(wanted)


def test_unknown_key_far_from_all_lists_what_is_known() -> None:
    (fault,) = faults({"name": "n", "part": {"zzz": 1}})
    assert fault == "part.zzz = 1: no such key; known here: width, rate, kind"


def test_faults_of_the_dataclass_itself_keep_their_place() -> None:
    assert faults({"name": "n", "part": {"width": 13}}) == ("part: 13 is unlucky",)
    assert faults({"name": "n", "part": {"width": -1}}) == (
        "part.width = -1: wanted at least 0",
        "part.and more",
    )


def test_a_name_alone_stands_for_an_open_section() -> None:
    assert build({"name": "n", "rule": "random"}).rule == Rule(name="random")


def test_origin_is_shown_with_the_fault() -> None:
    converter = Converter(lambda key: "file.yaml" if key == "part.width" else "")
    with pytest.raises(ConfigError, match=r"part\.width = 'x' \(file\.yaml\): wanted"):
        converter.build(Whole, {"name": "n", "part": {"width": "x"}}, source="test")


def test_check_adds_faults_at_its_place() -> None:
    converter = Converter(check=lambda made: ["name: no"] if isinstance(made, Rule) else [])
    with pytest.raises(ConfigError) as caught:
        converter.build(Whole, {"name": "n", "rule": "top"}, source="test")
    assert caught.value.faults == ("rule.name: no",)


def test_annotation_missing_at_run_time_is_explained() -> None:
    @dataclass(frozen=True)
    class Broken:
        x: Missing = None  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigError, match="outside `if TYPE_CHECKING`"):
        Converter().build(Broken, {}, source="test")


@given(
    st.builds(
        Whole,
        name=st.text(),
        part=st.builds(
            Part,
            width=st.integers(14, 10**9),
            rate=st.floats(allow_nan=False),
            kind=st.sampled_from(["a", "b"]),
        ),
        rule=st.builds(
            Rule,
            name=st.text(),
            parameters=st.dictionaries(
                st.text(min_size=1).filter(lambda key: key != "name"), st.integers() | st.text()
            ),
        ),
        modes=st.frozensets(st.sampled_from(AlignMode)),
        path=st.none() | st.just(Path("a/b")),
        sizes=st.lists(st.integers()).map(tuple),
        pair=st.tuples(st.integers(), st.text()),
        either=st.integers() | st.text(),
        flag=st.booleans(),
        rates=st.dictionaries(st.text(), st.floats(allow_nan=False)),
    )
)
def test_plain_values_build_the_same_dataclass(whole: Whole) -> None:
    assert build(to_plain(whole)) == whole
