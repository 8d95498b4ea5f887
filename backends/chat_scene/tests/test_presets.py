from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from posealign_chat_scene.plugin import SPEC
from posealign_core.config import load_backbone_config, run_presets
from posealign_core.config.load import load_run_config
from posealign_core.host import build_host
from posealign_core.vocabulary import AlignMode, Fidelity

CONFIGS = Path(__file__).parents[3] / "configs" / "chat_scene"
DATA = {"dataset.name": "scannet", "dataset.root": "scans"}
SETS = ["scanrefer", "obj_align", "nr3d_caption", "scan2cap", "scanqa", "sqa3d", "multi3drefer"]
VARIANTS = {
    "baseline": (None, "fourier_minmax"),
    "baseline-no-places": (None, "none"),
    "embed-top": ("embed", "fourier_minmax"),
    "embed-clip-03": ("embed", "fourier_minmax"),
    "embed6-top": ("embed", "none"),
    "transform-top": ("transform", "fourier_minmax"),
    "transform-reextracted-top": ("transform", "fourier_minmax"),
    "prompt-top": ("prompt", "fourier_minmax"),
    "released/baseline": (None, "none"),
    "released/embed-top": ("embed", "none"),
    "released/embed-channel-top": ("embed", "fourier_minmax"),
    "released/prompt-top": ("prompt", "none"),
}


def resolved(name: str, *files: Path):
    return load_run_config(build_host(), preset=f"chat_scene/{name}", values=DATA, files=files)


def test_the_variants():
    published = {n for n in run_presets(SPEC) if not n.startswith(("tiny/", "demo/"))}
    assert published == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant(name: str):
    made, fidelity = resolved(name), Fidelity("released" if "/" in name else "correct")
    mode, channel = VARIANTS[name]
    config, backbone = made.config, made.backbone
    assert config.align.modes == ({AlignMode(mode)} if mode else frozenset())
    assert config.align.fidelity is fidelity
    assert backbone.network.channel == channel
    assert backbone.network.prompt_rows is backbone.rate_scaling is fidelity
    assert backbone.test_order is backbone.identifier_rules is fidelity
    assert (backbone.embed == "features") == (name == "embed6-top")
    assert (backbone.network.n_slots, backbone.network.point_dim) == (100, 1024)
    assert list(config.dataset.benchmarks) == SETS
    decoding = backbone.decoding["sqa3d"]
    assert (decoding.num_beams, decoding.repetition_penalty) == (5, 3.0)


def test_the_published_recipe():
    train = resolved("baseline").config.train
    assert (train.lora_rank, train.lora_alpha, train.lora_dropout) == (16, 16, 0.05)
    assert (train.learning_rate, train.weight_decay, train.max_grad_norm) == (6.4e-4, 0.02, 0.01)
    assert (train.epochs, train.final_learning_rate_ratio) == (3, 0.01)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("gpus-*.yaml")), ids=lambda p: p.stem)
def test_every_number_of_gpus_has_the_published_batch(path: Path):
    made = resolved("baseline", path).config
    n_gpus = int(path.stem.split("-")[1])
    assert n_gpus * made.train.batch_size * made.train.accumulation == 128
    assert made.train.learning_rate == 6.4e-4
    assert set(yaml.safe_load(path.read_text())) == {"train"}


def test_the_released_preset_names_the_published_words():
    digests = load_backbone_config(SPEC, "7b-released").text_digests
    assert digests["before"].startswith("bbe70cb821c53a13")
