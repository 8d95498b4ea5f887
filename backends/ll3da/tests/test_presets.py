from __future__ import annotations

import pytest

from posealign_core.config import load_backbone_config, run_presets
from posealign_core.config.load import load_run_config
from posealign_core.host import build_host
from posealign_core.vocabulary import AlignMode, Fidelity
from posealign_ll3da.model.config import CaptionerConfig, DetectorConfig
from posealign_ll3da.plugin import SPEC

DATA = {"dataset.name": "scannet", "dataset.root": "scans"}
MODES = {
    "baseline": None,
    "transform-clip-03": "transform",
    "transform-top": "transform",
    "transform-position-top": "transform",
    "embed-top": "embed",
    "prompt-top": "prompt",
    "released/baseline": None,
    "released/transform-clip-03": "transform",
    "tune/scanqa": None,
    "tune/scan2cap": None,
    "tune/nr3d-caption": None,
    "tune/scanqa-transform-top": "transform",
    "tune/scan2cap-transform-top": "transform",
}


def test_every_run_is_listed():
    small = ("tiny/", "demo/")
    assert {name for name in run_presets(SPEC) if not name.startswith(small)} == set(MODES)


@pytest.mark.parametrize("name", MODES)
def test_a_run(name: str):
    made = load_run_config(build_host(), preset=f"ll3da/{name}", values=DATA, files=())
    config, backbone, mode = made.config, made.backbone, MODES[name]
    released = Fidelity.RELEASED if name.startswith("released/") else Fidelity.CORRECT
    assert config.align.modes == ({AlignMode(mode)} if mode else frozenset())
    assert config.align.fidelity is released
    assert backbone.recipe is backbone.cloud.normals is backbone.cloud.flip is released
    assert backbone.detector.fidelity.fps_origin is released
    assert backbone.captioner.fidelity.first_beam_step is released
    assert bool(backbone.captioner.n_ego_features) is (mode == "embed")
    assert backbone.captioner.token_position is ("position" in name)
    assert (backbone.llm.width, backbone.llm.n_layers, backbone.llm.vocab_size) == (2048, 24, 50272)
    assert backbone.decoding["scanqa"].num_beams == 4
    assert not backbone.lora
    assert config.train.batch_size * config.train.accumulation in (16, 32)


def test_the_published_sizes_are_the_defaults():
    config = load_backbone_config(SPEC, "opt-1.3b")
    assert config.detector == DetectorConfig()
    assert config.captioner == CaptionerConfig()
    assert config.cloud.n_points == 40_000


def test_the_generalist_recipe():
    train = load_run_config(
        build_host(), preset="ll3da/baseline", values=DATA, files=()
    ).config.train
    assert (train.learning_rate, train.final_learning_rate_ratio) == (1e-4, 0.01)
    assert (train.weight_decay, train.max_grad_norm, train.epochs) == (0.1, 0.1, 32)
    assert train.warmup_ratio == 1 / 32
