from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from posealign_core.errors import CheckpointMismatchError, DataError, UnsafeFileError
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.checkpoints.published import export_published
from posealign_ll3da.checkpoints.start import load_bert, load_detector
from posealign_ll3da.model.keys import LLM_PREFIX, OPTIONAL_KEYS

from .samples import tiny

if TYPE_CHECKING:
    from pathlib import Path


def fresh(seed: int) -> Ll3daBackbone:
    torch.manual_seed(seed)
    return Ll3daBackbone(tiny())


def published(backbone: Ll3daBackbone) -> dict[str, torch.Tensor]:
    state = backbone.network.state_dict()
    return {k: t.clone() for k, t in state.items() if not k.startswith(LLM_PREFIX)}


def test_export_and_back(tmp_path: Path):
    one, other, path = fresh(1), fresh(2), tmp_path / "ll3da.pth"
    export_published(one.network, path)
    other.load_published(path).require_exact(str(path))
    wanted, found = one.network.state_dict(), other.network.state_dict()
    for key, tensor in wanted.items():
        assert torch.equal(tensor, found[key]) is not (
            key.startswith(LLM_PREFIX) and tensor.ndim > 1
        ), key


def test_a_training_checkpoint_of_the_release(tmp_path: Path):
    """With an optimizer, the command line and a prefix; without the criterion's buffer."""
    path, state = tmp_path / "checkpoint_best.pth", published(fresh(1))
    state = {f"module.{k}": t for k, t in state.items() if k not in OPTIONAL_KEYS}
    state["module.captioner.qformer.embeddings.position_ids"] = torch.arange(5)[None]
    values = {"model": state, "epoch": 3, "args": argparse.Namespace(lr=1e-4), "optimizer": {}}
    torch.save(values, path)
    fresh(2).load_published(path).require_exact(str(path))


def test_what_does_not_fit_is_named(tmp_path: Path):
    path, state = tmp_path / "model.pth", published(fresh(1))
    state.pop("captioner.latent_query.weight")
    state["captioner.more"] = torch.zeros(2)
    state["captioner.qformer_to_language_projection.bias"] = torch.zeros(7)
    torch.save({"model": state}, path)
    report = fresh(2).load_published(path)
    assert report.missing == ("captioner.latent_query.weight",)
    assert report.unexpected == ("captioner.more",)
    assert [key for key, _, _ in report.reshaped] == [
        "captioner.qformer_to_language_projection.bias"
    ]


def test_a_detector_alone_is_where_training_starts(tmp_path: Path):
    path, one, other = tmp_path / "detector.pth", fresh(1), fresh(2)
    state = {k: t for k, t in published(one).items() if k.startswith("detector.")}
    torch.save({"model": {k: t for k, t in state.items() if k not in OPTIONAL_KEYS}}, path)
    with pytest.raises(CheckpointMismatchError, match="detector_weights"):
        other.load_published(path)
    load_detector(other.network, path)
    assert all(torch.equal(t, other.network.state_dict()[k]) for k, t in state.items())
    torch.save({"model": dict([*state.items()][5:])}, path)
    with pytest.raises(CheckpointMismatchError, match="wanted the detector, found 5 fault"):
        load_detector(other.network, path)


def test_the_detector_of_a_configuration(tmp_path: Path):
    path = tmp_path / "detector.pth"
    one = fresh(1)
    torch.save({k: t for k, t in published(one).items() if k.startswith("detector.")}, path)
    made = Ll3daBackbone(tiny(detector_weights=str(path)))
    key = "detector.decoder.norm.weight"
    assert torch.equal(made.network.state_dict()[key], one.network.state_dict()[key])


@pytest.mark.parametrize("names", [("LayerNorm.weight", "LayerNorm.bias"),
                                   ("LayerNorm.gamma", "LayerNorm.beta")])  # fmt: skip
def test_word_vectors_of_bert(tmp_path: Path, names: tuple[str, str]):
    backbone = fresh(1)
    own = backbone.network.captioner.qformer.embeddings.state_dict()
    prefix = "bert.embeddings."
    stored = {
        f"{prefix}word_embeddings.weight": own["word_embeddings.weight"] + 1,
        f"{prefix}position_embeddings.weight": own["position_embeddings.weight"] + 1,
        f"{prefix}token_type_embeddings.weight": torch.zeros(2, 4),
        f"{prefix}{names[0]}": torch.full_like(own["layernorm.weight"], 3.0),
        f"{prefix}{names[1]}": torch.full_like(own["layernorm.bias"], 2.0),
        "bert.encoder.layer.0.output.dense.bias": torch.zeros(4),
    }
    save_file(stored, tmp_path / "model.safetensors")
    load_bert(backbone.captioner, tmp_path)
    found = backbone.network.captioner.qformer.embeddings
    assert found.layernorm.weight[0].item() == 3.0
    assert torch.equal(found.word_embeddings.weight, stored[f"{prefix}word_embeddings.weight"])


def test_a_missing_file_and_one_that_asks_for_code(tmp_path: Path):
    with pytest.raises(DataError, match="found no file there"):
        fresh(1).load_published(tmp_path / "nothing.pth")
    path = tmp_path / "bad.pth"
    torch.save({"model": {"captioner.a": tmp_path}}, path)
    with pytest.raises(UnsafeFileError):
        fresh(1).load_published(path)


def test_a_base_that_is_none(tmp_path: Path):
    with pytest.raises(DataError, match="wanted an OPT language model"):
        Ll3daBackbone(tiny(base=str(tmp_path)))


def test_a_base_of_another_size(tmp_path: Path):
    one = fresh(1)
    one.network.captioner.transformer.save_pretrained(tmp_path)
    loaded = Ll3daBackbone(tiny(base=str(tmp_path)))
    key = "captioner.transformer.model.decoder.layers.0.fc1.weight"
    assert torch.equal(loaded.network.state_dict()[key], one.network.state_dict()[key])
    with pytest.raises(CheckpointMismatchError, match="wanted width, layers"):
        Ll3daBackbone(tiny(base=str(tmp_path), **{"llm.n_layers": 2}))
