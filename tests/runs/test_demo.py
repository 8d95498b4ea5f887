from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from posealign_core.errors import ConfigError
from posealign_core.runs import demo
from posealign_core.runs.demo import demo_study, plan_demo
from posealign_core.runs.study_plan import StudyPlan

MODES = ("baseline", "embed", "prompt", "transform", "transform-recovered")


class Registry(dict):
    """Backbones by name; iterates over the specs, as a registrar does."""

    def __iter__(self):
        return iter(self.values())


@pytest.fixture
def order_of(monkeypatch):
    """Backbone and mode of the runs of the demonstration, in order."""

    def order(*names: str, n_seeds: int = 1) -> list[tuple[str, str, int]]:
        specs = {name: SimpleNamespace(name=name) for name in names}
        host = SimpleNamespace(backbones=Registry(specs))
        monkeypatch.setattr(demo, "run_presets", lambda _: ["7b", *(f"demo/{m}" for m in MODES)])

        def grid(_, study) -> StudyPlan:
            cells = [
                {"backbone": name, "preset": preset, "seed": seed}
                for seed in study.seeds
                for preset in study.presets
                for name in names
            ]
            return StudyPlan(tuple(SimpleNamespace(cell=cell) for cell in cells), {"z": "why"})

        monkeypatch.setattr(demo, "plan_study", grid)
        plan = plan_demo(host, demo_study(host, Path("runs"), n_seeds=n_seeds))
        assert plan.left_out == {"z": "why"}
        cells = [member.cell for member in plan.members]
        return [(c["backbone"], c["preset"].removeprefix("demo/"), c["seed"]) for c in cells]

    return order


def test_what_every_comparison_needs_comes_first_for_all_backbones(order_of):
    runs = [run[:2] for run in order_of("a", "b")]
    assert runs[:4] == [
        ("a", "baseline"),
        ("a", "transform"),
        ("b", "baseline"),
        ("b", "transform"),
    ]
    assert runs[4:6] == [("a", "transform-recovered"), ("b", "transform-recovered")]
    assert runs[6:] == [("a", "embed"), ("a", "prompt"), ("b", "embed"), ("b", "prompt")]


def test_a_second_seed_waits_until_all_have_had_their_first(order_of):
    runs = order_of("a", "b", n_seeds=2)
    assert [seed for *_, seed in runs[:8]] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len(runs) == 2 * 2 * len(MODES)


def test_the_quickest_backbone_goes_first(order_of):
    runs = [run[:2] for run in order_of("a", "template")]
    assert runs[:4] == [
        ("template", "baseline"),
        ("template", "transform"),
        ("a", "baseline"),
        ("a", "transform"),
    ]


def test_backbones_without_demo_presets_are_refused(monkeypatch):
    monkeypatch.setattr(demo, "run_presets", lambda _: ["7b"])
    host = SimpleNamespace(backbones=Registry({"a": SimpleNamespace(name="a")}))
    with pytest.raises(ConfigError, match="presets: wanted at least one"):
        demo_study(host, Path("runs"))
