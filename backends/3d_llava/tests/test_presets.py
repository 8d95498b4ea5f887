from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.plugin import SPEC
from posealign_3d_llava.pretraining.check import accuracies
from posealign_core.config import load_backbone_config, run_presets
from posealign_core.config.load import load_run_config
from posealign_core.host import build_host
from posealign_core.vocabulary import AlignMode, Fidelity

RATIOS = {"00": 0.0, "01": 0.1, "02": 0.2, "03": 0.3, "04": 0.4, "045": 0.45, "049": 0.49}
VARIANTS = {
    "baseline": (None, "annotated"),
    "transform-top": ("transform", "top"),
    "transform-random": ("transform", "random"),
    **{f"transform-clip-{name}": ("transform", "clip") for name in RATIOS},
    "prompt-top": ("prompt", "top"),
    "embed-top": ("embed", "top"),
}
CONFIGS = Path(__file__).parents[3] / "configs" / "3d_llava"
DATA = {"dataset.name": "scannet", "dataset.root": "scans"}


def resolved(name: str, *files: Path):
    return load_run_config(build_host(), preset=f"3d_llava/{name}", values=DATA, files=files)


def test_every_published_variant_has_a_preset_in_both_fidelities():
    own = ("tiny/", "demo/")
    published = {name for name in run_presets(SPEC) if not name.startswith(own)}
    assert published == {*VARIANTS, *(f"released/{name}" for name in VARIANTS)}


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant(name: str, fidelity: Fidelity):
    released = fidelity is Fidelity.RELEASED
    made = resolved(f"released/{name}" if released else name)
    mode, selector = VARIANTS[name]
    config, backbone = made.config, made.backbone
    assert config.align.modes == ({AlignMode(mode)} if mode else frozenset())
    assert config.align.selector.name == selector
    if selector == "clip":
        ratio = RATIOS[name.removeprefix("transform-clip-")]
        assert config.align.selector.parameters["ratio"] == ratio
        assert config.align.selector.parameters.get("fidelity", "correct") == fidelity.value
    assert config.align.fidelity is fidelity
    assert backbone.sampler is backbone.leading_space is fidelity
    assert backbone.tower.fidelity.batch_norm is fidelity
    assert backbone.ego_features == (mode == "embed")
    assert (backbone.llm.width, backbone.llm.n_layers, backbone.tower.n_tokens) == (4096, 32, 100)
    assert backbone.decoding["scanqa"].num_beams == 5


def test_the_published_recipe():
    train = resolved("transform-top").config.train
    assert (train.lora_rank, train.lora_alpha, train.lora_dropout) == (32, 64, 0.05)
    assert (train.learning_rate, train.weight_decay, train.warmup_ratio) == (2e-4, 0.0, 0.03)
    assert (train.epochs, train.schedule, train.gradient_checkpointing) == (1, "cosine", True)
    benchmarks = resolved("transform-top").config.dataset.benchmarks
    assert benchmarks.count("scanrefer") == 3


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("gpus-*.yaml")), ids=lambda p: p.stem)
def test_every_number_of_gpus_has_the_published_batch(path: Path):
    train = resolved("transform-top", path).config.train
    n_gpus = int(path.stem.split("-")[1])
    assert n_gpus * train.batch_size * train.accumulation == 64
    assert set(yaml.safe_load(path.read_text())) == {"train"}


def test_released_presets_name_the_published_words():
    texts = load_backbone_config(SPEC, "7b-released").text_digests
    assert set(texts) == {
        "system", "ground", "ground_many", "answer", "situated_answer", "caption", "pose",
    }  # fmt: skip
    assert all(len(digest) == 64 for digest in texts.values())


@pytest.mark.parametrize(
    ("name", "modes", "selector"),
    [
        ("baseline", set(), "annotated"),
        ("transform", {AlignMode.TRANSFORM}, "annotated"),
        ("transform-recovered", {AlignMode.TRANSFORM}, "annotated"),
        ("embed", {AlignMode.EMBED}, "annotated"),
        ("prompt", {AlignMode.PROMPT}, "annotated"),
    ],
)
def test_runs_of_the_demonstration_start_from_the_shipped_weights(name, modes, selector):
    made = load_run_config(
        build_host(),
        preset=f"3d_llava/demo/{name}",
        values={**DATA, "dataset.benchmarks": ["sqa3d"]},
    )
    assert made.config.align.modes == modes
    assert made.config.align.selector.name == selector
    assert made.backbone.pretrained
    assert not made.backbone.augment


def test_the_shipped_weights_fit_and_know_rooms():
    config = load_backbone_config(SPEC, "tiny")
    found = accuracies(LlavaBackbone(config).eval(), config, n_rooms=6, largest=6, seed=123)
    assert found["all"][1] > 30
    known = [(share, n) for name, (share, n) in found.items() if "color" in name or "name" in name]
    assert sum(share * n for share, n in known) > 0.9 * sum(n for _, n in known)
