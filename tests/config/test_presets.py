from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from posealign_core.config import backbone_presets, load_backbone_config, run_presets
from posealign_core.config.load import load_run_config
from posealign_core.errors import ConfigError, MissingDependencyError, PluginLoadError
from posealign_core.host import build_host
from posealign_core.specs import BackboneSpec, BackboneTags, Requirement

HOST = build_host()
PRESETS = [(spec.name, preset) for spec in HOST.backbones for preset in backbone_presets(spec)]
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("[!_]*.yaml"))
RUNS = [f"{spec.name}/{preset}" for spec in HOST.backbones for preset in run_presets(spec)]


@dataclass(frozen=True, kw_only=True)
class Llm:
    width: int = 8
    rate: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    llm: Llm = field(default_factory=Llm)
    name: str


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackboneSpec:
    """A backbone with presets in a package of its own."""
    package = tmp_path / f"presets_{tmp_path.name}"
    files = {
        "__init__.py": "",
        "_base.yaml": "llm: {rate: 1e-4}\n",
        "tiny.yaml": "_base_: _base.yaml\nname: tiny\n",
        "large.yaml": "_base_: tiny.yaml\nllm: {width: 512}\nname: large\n",
        "runs/demo/baseline.yaml": "train: {}\n",
        "runs/paper.yaml": "train: {}\n",
        "runs/_recipe.yaml": "train: {}\n",
    }
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "toy_config", SimpleNamespace(Toy=ToyConfig))
    return BackboneSpec(
        name="toy",
        summary="a toy",
        encoder="a:b",
        model="a:b",
        config="toy_config:Toy",
        presets=package.name,
        tags=BackboneTags(modes=frozenset(), kinds=frozenset()),
    )


def test_presets_are_listed_by_kind(spec: BackboneSpec) -> None:
    assert backbone_presets(spec) == ["large", "tiny"]
    assert run_presets(spec) == ["demo/baseline", "paper"]


def test_preset_inherits_and_overrides_win(spec: BackboneSpec) -> None:
    assert load_backbone_config(spec) == ToyConfig(name="tiny", llm=Llm(rate=1e-4))
    large = ToyConfig(name="mine", llm=Llm(width=512, rate=2.0))
    assert load_backbone_config(spec, "large", {"llm.rate": 2, "name": "mine"}) == large
    assert load_backbone_config(spec, "large", {"llm": {"rate": 2}, "name": "mine"}) == large


def test_faults_are_named_at_once_with_their_place(spec: BackboneSpec) -> None:
    with pytest.raises(ConfigError) as caught:
        load_backbone_config(spec, "tiny", {"llm.widht": 3, "llm.rate": "fast", "nam": 1})
    assert caught.value.faults == (
        "llm.rate = 'fast' (override): wanted a number, found text",
        "llm.widht = 3 (override): no such key; did you mean 'width'?",
        "nam = 1 (override): no such key; did you mean 'name'?",
    )


def test_fault_of_a_preset_names_the_preset(spec: BackboneSpec, tmp_path: Path) -> None:
    (tmp_path / spec.presets / "tiny.yaml").write_text("name: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"name = 3 \(preset toy:tiny\): wanted text"):
        load_backbone_config(spec)


def test_unknown_preset_names_close_ones(spec: BackboneSpec) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'tiny'.* available: large, tiny"):
        load_backbone_config(spec, "tinny")
    with pytest.raises(ConfigError, match="no preset of backbone 'toy' is named '_base'"):
        load_backbone_config(spec, "_base")


def test_missing_package_and_missing_presets_are_explained(spec: BackboneSpec) -> None:
    lacking = Requirement(module="no_such_module", install="pip install it")
    with pytest.raises(MissingDependencyError, match="pip install it"):
        load_backbone_config(replace(spec, requires=(lacking,)))
    with pytest.raises(PluginLoadError, match="wanted a package of presets"):
        load_backbone_config(replace(spec, presets="no_such_presets"))


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_every_installed_backbone_preset_loads(name: str, preset: str) -> None:
    load_backbone_config(_available(name), preset)


@pytest.mark.parametrize("preset", RUNS)
def test_every_installed_run_preset_loads(preset: str) -> None:
    _available(preset.partition("/")[0])
    dataset = {"name": "scannet", "root": "data", "benchmarks": ["scanqa"]}
    values = {f"dataset.{key}": value for key, value in dataset.items()}
    assert load_run_config(HOST, preset=preset, values=values).config.train.batch_size >= 1


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_file_in_configs_is_valid(path: Path) -> None:
    backbone = yaml.safe_load(path.read_text(encoding="utf-8")).get("backbone", {})
    if "name" in backbone:
        _available(backbone["name"])
    load_run_config(HOST, files=[path])


def _available(name: str) -> BackboneSpec:
    spec = HOST.backbones[name]
    for requirement in spec.requires:
        pytest.importorskip(requirement.module)
    return spec
