"""Each hook, called through the host: who answers, with what, and who comes after."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from posealign_core.align.embed import ego_features
from posealign_core.errors import PluginLoadError
from posealign_core.hookspecs import hookimpl
from posealign_core.host import build_host
from posealign_core.specs import (
    BackboneSpec,
    BackboneTags,
    BenchmarkSpec,
    CommandSpec,
    DatasetSpec,
    EngineSpec,
    JudgeSpec,
    ProbeSpec,
    SelectorSpec,
)
from posealign_core.structures import AlignedSample, AlignSettings
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind

COMMON = {"name": "mine", "summary": "s"}
FACTORY = {**COMMON, "factory": "json:loads"}


def _host(**hooks):
    made = {name: hookimpl(function) for name, function in hooks.items()}
    plugin = type("Mine", (), {name: staticmethod(f) for name, f in made.items()})()
    return build_host(plugins=[plugin], entry_points=False, strict=True)


def _registered(kind: str, spec):
    host = _host(**{f"posealign_register_{kind}": lambda register: register(spec)})
    registry = host.registries[kind]
    return registry["mine"] is spec and registry.origin("mine") == "Mine"


@pytest.fixture
def sample():
    settings = AlignSettings(modes=frozenset(AlignMode))
    return AlignedSample.unaligned(toy_queries()[0], toy_scene(), pose_towards(0.3), settings)


def test_posealign_register_backbones():
    parts = dict.fromkeys(("encoder", "model", "config"), "json:loads")
    tags = BackboneTags(modes=frozenset(), kinds=frozenset({TaskKind.ANSWER}))
    spec = BackboneSpec(**COMMON, **parts, presets="json", tags=tags)
    assert _registered("backbones", spec)


def test_posealign_register_datasets():
    assert _registered("datasets", DatasetSpec(**FACTORY))


def test_posealign_register_benchmarks():
    assert _registered("benchmarks", BenchmarkSpec(**FACTORY, kind=TaskKind.ANSWER))


def test_posealign_register_selectors():
    assert _registered("selectors", SelectorSpec(**FACTORY))


def test_posealign_register_judges():
    assert _registered("judges", JudgeSpec(**FACTORY))


def test_posealign_register_engines():
    assert _registered("engines", EngineSpec(**FACTORY))


def test_posealign_register_probes():
    assert _registered("probes", ProbeSpec(**FACTORY))


def test_posealign_register_commands():
    assert _registered("commands", CommandSpec(**FACTORY))


def test_posealign_recover_pose():
    found = pose_towards(1.0)
    asked = []

    def recover(query, rng):
        asked.append((query, rng))
        return found

    host = _host(posealign_recover_pose=recover)
    rng = np.random.default_rng(0)
    everything = dict.fromkeys(("scene", "trajectory", "visibility", "selector"))
    assert host.recover_pose(query="a question", rng=rng, **everything) is found
    assert asked == [("a question", rng)]


def test_posealign_transform(sample):
    host = _host(
        posealign_transform=lambda backbone, sample, pose: sample if backbone == "mine" else None
    )
    assert host.transform(backbone="mine", sample=sample, pose=sample.pose) is sample
    by_core = host.transform(backbone="other", sample=sample, pose=sample.pose)
    eye = by_core.pose.reference_from_camera.translation
    np.testing.assert_allclose(eye, 0, atol=1e-9)


def test_posealign_prompt(sample):
    def prompt(backbone, sample, pose):
        if backbone != "mine":
            return None
        return dataclasses.replace(sample, pose_template="you are at {position}")

    host = _host(posealign_prompt=prompt)
    own = host.prompt(backbone="mine", sample=sample, pose=sample.pose)
    assert own.pose_template == "you are at {position}"
    by_core = host.prompt(backbone="other", sample=sample, pose=sample.pose)
    assert by_core.pose_template not in {"", own.pose_template}


def test_posealign_embed(sample):
    host = _host(
        posealign_embed=lambda backbone, coords: (
            coords.new_ones(len(coords), 6) if backbone == "mine" else None
        )
    )
    coords = torch.rand(4, 3)
    assert host.embed(backbone="mine", coords=coords, pose=sample.pose).eq(1).all()
    by_core = host.embed(backbone="other", coords=coords, pose=sample.pose)
    torch.testing.assert_close(by_core, ego_features(coords, sample.pose))


def test_the_plugin_given_last_answers_first(sample):
    class First:
        @hookimpl
        def posealign_prompt(self, sample):
            return dataclasses.replace(sample, pose_template="first")

    class Last:
        @hookimpl
        def posealign_prompt(self, sample):
            return dataclasses.replace(sample, pose_template="last")

    host = build_host(plugins=[First(), Last()], entry_points=False, strict=True)
    assert host.prompt(backbone="x", sample=sample, pose=sample.pose).pose_template == "last"


def test_no_answer_is_an_error_not_a_none(sample):
    host = build_host(entry_points=False)
    host._manager.unregister(name="posealign_core")
    with pytest.raises(PluginLoadError, match="posealign_transform: no plugin answered"):
        host.transform(backbone="x", sample=sample, pose=sample.pose)
