from __future__ import annotations

import dataclasses
import json
import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from learning_toy import ToyBackbone, ToyConfig
from peft import PeftModel
from safetensors.torch import load_file, save_file

from posealign_core.backbone import Trainable
from posealign_core.errors import CheckpointMismatchError, DataError, PoseAlignError
from posealign_core.training import (
    CheckpointMeta,
    TrainSettings,
    load_checkpoint,
    read_meta,
    save_checkpoint,
    select_trainable,
)

if TYPE_CHECKING:
    from pathlib import Path

META = CheckpointMeta(backbone="toy", config={"width": 32}, settings={"lora_rank": 4}, step=7)
BATCH = {
    "objects": torch.linspace(-1, 1, 16).view(2, 2, 4),
    "words": torch.arange(1, 11).view(2, 5),
    "labels": torch.arange(1, 11).view(2, 5),
}


def changed_backbone() -> ToyBackbone:
    """A backbone whose trained part, and whose statistics, are not those of a new one."""
    backbone = ToyBackbone(ToyConfig())
    select_trainable(backbone, TrainSettings(lora_rank=4))
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    backbone.train()(BATCH)
    return backbone.eval()


def loss_of(backbone: ToyBackbone) -> float:
    return backbone(BATCH).loss.item()


@pytest.fixture
def saved(tmp_path: Path) -> tuple[ToyBackbone, Path]:
    backbone = changed_backbone()
    save_checkpoint(backbone, tmp_path / "final", META)
    return backbone, tmp_path / "final"


def test_a_fresh_backbone_takes_over_everything(saved: tuple[ToyBackbone, Path]) -> None:
    backbone, path = saved
    fresh = ToyBackbone(ToyConfig()).eval()
    assert loss_of(fresh) != pytest.approx(loss_of(backbone), rel=1e-3)
    report = load_checkpoint(fresh, path)
    assert loss_of(fresh) == pytest.approx(loss_of(backbone), rel=1e-6)
    assert {k: v.tolist() for k, v in fresh.state_dict().items()} == {
        k: v.tolist() for k, v in backbone.state_dict().items()
    }
    # 2 layers x 3 linears x A and B, and 4 parameters and 3 statistics.
    assert report.loaded == 12 + 7
    assert (report.missing, report.unexpected, report.reshaped) == ((), (), ())


def test_peft_itself_reads_the_adapters(saved: tuple[ToyBackbone, Path]) -> None:
    path = saved[1]
    fresh = ToyBackbone(ToyConfig())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft looks for a model card
        wrapped = PeftModel.from_pretrained(fresh, str(path))
    stored = load_file(path / "adapter_model.safetensors")
    assert len(stored) == 12
    theirs = {
        name.replace(".default.", "."): tensor
        for name, tensor in wrapped.named_parameters()
        if "lora_" in name
    }
    assert theirs.keys() == stored.keys()
    assert all(torch.equal(theirs[key], stored[key]) for key in stored)


def test_meta_is_what_was_given(saved: tuple[ToyBackbone, Path]) -> None:
    meta = read_meta(saved[1])
    assert dataclasses.replace(meta, base="") == META
    assert len(meta.base) == 64
    assert set(meta.versions) == {"posealign", "torch", "transformers", "peft"}


def test_tied_weights_are_stored_once(saved: tuple[ToyBackbone, Path]) -> None:
    stored = load_file(saved[1] / "extra_modules.safetensors")
    assert {key for key in stored if "embed" in key or "head" in key} == {"head.weight"}


def test_without_lora_there_are_no_adapter_files(tmp_path: Path) -> None:
    class OnlyObjects(ToyBackbone):
        def trainable(self) -> Trainable:
            return Trainable(lora_targets=(), full_modules=("objects",))

    backbone = OnlyObjects(ToyConfig())
    select_trainable(backbone, TrainSettings())
    save_checkpoint(backbone, tmp_path, META)
    assert not list(tmp_path.glob("adapter*"))
    assert load_checkpoint(OnlyObjects(ToyConfig()), tmp_path).loaded == 5


def rewrite(path: Path, change: str) -> None:
    tensors = load_file(path)
    key = sorted(tensors)[0]
    if change == "missing":
        del tensors[key]
    elif change == "unexpected":
        tensors["base_model.model.other.lora_A.weight"] = torch.zeros(2)
    else:
        tensors[key] = torch.zeros(3, 5)
    save_file(tensors, path)


@pytest.mark.parametrize("file", ["adapter_model", "extra_modules"])
@pytest.mark.parametrize("change", ["missing", "unexpected", "file has (3, 5)"])
def test_what_does_not_fit_is_named_and_nothing_is_loaded(
    saved: tuple[ToyBackbone, Path], file: str, change: str
) -> None:
    rewrite(saved[1] / f"{file}.safetensors", change)
    fresh = ToyBackbone(ToyConfig()).eval()
    loss = loss_of(fresh)
    with pytest.raises(CheckpointMismatchError) as caught:
        load_checkpoint(fresh, saved[1])
    assert change in str(caught.value)
    assert loss_of(fresh) == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("file", ["adapter_model", "extra_modules"])
def test_a_cut_file_is_one_line(saved: tuple[ToyBackbone, Path], file: str) -> None:
    path = saved[1] / f"{file}.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=f"{file}.*damaged"):
        load_checkpoint(ToyBackbone(ToyConfig()), saved[1])


def test_a_folder_without_meta_is_no_checkpoint(saved: tuple[ToyBackbone, Path]) -> None:
    (saved[1] / "meta.json").unlink()
    with pytest.raises(DataError, match=r"meta\.json"):
        load_checkpoint(ToyBackbone(ToyConfig()), saved[1])


def test_frozen_weights_must_be_those_of_training(saved: tuple[ToyBackbone, Path]) -> None:
    other = ToyBackbone(ToyConfig())
    with torch.no_grad():
        other.get_parameter("llm.layers.1.mlp.up_proj.weight").mul_(1.1)
    with pytest.raises(CheckpointMismatchError, match="other frozen weights"):
        load_checkpoint(other, saved[1])


def test_the_precision_of_the_model_does_not_matter(saved: tuple[ToyBackbone, Path]) -> None:
    half = ToyBackbone(ToyConfig()).to(torch.bfloat16)
    load_checkpoint(half, saved[1])
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    exact = saved[0].get_parameter("objects.weight")
    assert torch.equal(half.get_parameter("objects.weight"), exact.to(torch.bfloat16))


def test_a_later_schema_is_refused(saved: tuple[ToyBackbone, Path]) -> None:
    path = saved[1] / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2}))
    with pytest.raises(DataError, match="schema version 2"):
        read_meta(saved[1])


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PoseAlignError, match="file"):
        save_checkpoint(changed_backbone(), tmp_path / "file" / "final", META)
