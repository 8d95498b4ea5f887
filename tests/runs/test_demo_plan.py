from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from posealign_core.runs import demo_plan
from posealign_core.runs.demo_plan import DemoRun, plan_demo

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = ("baseline", "embed", "prompt", "transform", "transform-recovered")


class Registry(dict):
    """Backbones by name; iterates over the specs, as a registrar does."""

    def __iter__(self):
        return iter(self.values())


@pytest.fixture
def host_of(monkeypatch) -> Callable[..., SimpleNamespace]:
    """A host of backbones, some without demo presets and some that lack a package."""

    def build(*names: str, bare: str = "", lacking: str = "") -> SimpleNamespace:
        def presets(spec):
            return ["7b"] if spec.name == bare else [f"demo/{mode}" for mode in MODES]

        def missing(spec):
            return ["pointlib is not installed"] if spec.name == lacking else []

        monkeypatch.setattr(demo_plan, "run_presets", presets)
        monkeypatch.setattr(demo_plan, "missing_requirements", missing)
        specs = {name: SimpleNamespace(name=name) for name in names}
        return SimpleNamespace(backbones=Registry(specs), failures={})

    return build


def planned(runs: tuple[DemoRun, ...]) -> list[tuple[str, str]]:
    return [(run.backbone, run.preset.removeprefix("demo/")) for run in runs]


def test_what_every_comparison_needs_comes_first_for_all_backbones(host_of):
    runs = planned(plan_demo(host_of("a", "b")).runs)
    assert runs[:4] == [
        ("a", "baseline"),
        ("a", "transform"),
        ("b", "baseline"),
        ("b", "transform"),
    ]
    assert runs[4:6] == [("a", "transform-recovered"), ("b", "transform-recovered")]
    assert runs[6:] == [("a", "embed"), ("a", "prompt"), ("b", "embed"), ("b", "prompt")]


def test_a_second_seed_waits_until_all_have_had_their_first(host_of):
    runs = plan_demo(host_of("a", "b"), n_seeds=2).runs
    assert [run.seed for run in runs[:8]] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len(runs) == 2 * 2 * len(MODES)


def test_what_cannot_run_is_left_out_with_the_reason(host_of):
    plan = plan_demo(host_of("template", "a", "b", bare="a", lacking="b"))
    assert {run.backbone for run in plan.runs} == {"template"}
    assert plan.left_out == {"a": "it has no demo presets", "b": "pointlib is not installed"}


def test_the_quickest_backbone_goes_first(host_of):
    runs = planned(plan_demo(host_of("a", "template")).runs)
    assert runs[:4] == [
        ("template", "baseline"),
        ("template", "transform"),
        ("a", "baseline"),
        ("a", "transform"),
    ]
    asked = plan_demo(host_of("a", "template"), ["a"])
    assert {run.backbone for run in asked.runs} == {"a"}
