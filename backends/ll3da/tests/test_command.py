from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest
import torch

from posealign_core.errors import BackboneError, ConfigError
from posealign_core.host import build_host
from posealign_core.training.checkpoint import save_checkpoint
from posealign_core.training.lora import select_trainable
from posealign_core.training.meta import CheckpointMeta
from posealign_core.training.settings import TrainSettings
from posealign_ll3da import command
from posealign_ll3da.backbone import Ll3daBackbone

from .samples import tiny


def build(*, lora: bool) -> Ll3daBackbone:
    torch.manual_seed(0)
    return Ll3daBackbone(tiny(lora=lora))


def run_of(folder, *, lora: bool, name: str = "ll3da"):
    """A run whose final checkpoint holds trained latents, and adapters if wanted."""
    backbone = build(lora=lora)
    select_trainable(backbone, TrainSettings(lora_rank=2))
    with torch.no_grad():
        for key, parameter in backbone.named_parameters():
            if "latent_query" in key:
                parameter.fill_(0.25)
            elif ".lora_" in key:
                parameter.normal_()
    checkpoints = folder / "run" / "checkpoints"
    save_checkpoint(backbone, checkpoints / "final", CheckpointMeta(backbone="ll3da"))
    run = SimpleNamespace(
        config=SimpleNamespace(backbone=SimpleNamespace(name=name)),
        materials=SimpleNamespace(model=lambda: (None, build(lora=lora))),
        folder=SimpleNamespace(checkpoints=checkpoints),
    )
    return run, backbone


def export(monkeypatch, run, out) -> int:
    monkeypatch.setattr(command, "open_run", lambda args, host: run)
    parser = argparse.ArgumentParser()
    command.Ll3daCommand().add_arguments(parser)
    args = parser.parse_args(["export", "--run", "somewhere", "--out", str(out)])
    return command.Ll3daCommand().run(args, build_host())


def test_the_published_layout_has_what_was_trained(tmp_path, monkeypatch, capsys):
    run, _ = run_of(tmp_path, lora=False)
    out = tmp_path / "weights" / "ll3da.pth"
    assert export(monkeypatch, run, out) == 0
    assert str(out) in capsys.readouterr().out
    fresh = build(lora=False)
    fresh.load_published(out).require_exact("out")
    assert torch.all(fresh.captioner.latent_query.weight == 0.25)
    assert not any("transformer" in key for key in torch.load(out, weights_only=True)["model"])


def test_everything_in_one_file_has_the_adapters_folded_in(tmp_path, monkeypatch):
    run, trained = run_of(tmp_path, lora=True)
    with pytest.raises(BackboneError, match="found one with adapters"):
        export(monkeypatch, run, tmp_path / "ll3da.pth")
    out = tmp_path / "whole.safetensors"
    assert export(monkeypatch, run, out) == 0
    fresh = build(lora=True)
    ids = torch.arange(5)[None] + 3
    plain = fresh.captioner.transformer(ids).logits
    fresh.load_published(out).require_exact("out")
    found = fresh.eval().captioner.transformer(ids).logits
    wanted = trained.eval().captioner.transformer(ids).logits
    assert torch.allclose(found, wanted, atol=1e-3)
    assert (found - plain).abs().max() > 0.1


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    run, _ = run_of(tmp_path, lora=False, name="template")
    with pytest.raises(ConfigError, match="wanted 'll3da'"):
        export(monkeypatch, run, tmp_path / "ll3da.pth")
    with pytest.raises(ConfigError, match=r"ends in \.pth or \.safetensors"):
        export(monkeypatch, run, tmp_path / "ll3da.bin")
