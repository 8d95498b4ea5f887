from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest
import torch

from posealign_3d_llava import merge_command
from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.checkpoints.lora_run import import_lora_run
from posealign_core.errors import ConfigError
from posealign_core.host import build_host
from posealign_core.training.checkpoint import save_checkpoint
from posealign_core.training.lora import select_trainable
from posealign_core.training.meta import CheckpointMeta
from posealign_core.training.settings import TrainSettings

from .samples import tiny


def build() -> LlavaBackbone:
    torch.manual_seed(0)
    return LlavaBackbone(tiny())


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose final checkpoint holds a trained head."""
    backbone = build()
    select_trainable(backbone, TrainSettings(lora_rank=2))
    with torch.no_grad():
        backbone.lm.lm_head.weight.fill_(0.5)
    checkpoints = tmp_path / "run" / "checkpoints"
    save_checkpoint(backbone, checkpoints / "final", CheckpointMeta(backbone="3d_llava"))
    made = SimpleNamespace(
        config=SimpleNamespace(backbone=SimpleNamespace(name="3d_llava")),
        materials=SimpleNamespace(model=lambda: (None, build())),
        folder=SimpleNamespace(checkpoints=checkpoints),
    )
    monkeypatch.setattr(merge_command, "open_run", lambda args, host: made)
    return made


@pytest.mark.parametrize("layout", ["merged", "lora"])
def test_merge_writes_what_training_left(run, tmp_path, layout: str, capsys):
    out = tmp_path / "out"
    args = argparse.Namespace(out=out, layout=layout)
    assert merge_command.MergeCommand().run(args, build_host()) == 0
    assert str(out) in capsys.readouterr().out
    fresh = build()
    if layout == "merged":
        fresh.load_published(out).require_exact("out")
    else:
        import_lora_run(fresh, out).require_exact("out")
    assert torch.equal(fresh.lm.lm_head.weight, torch.full_like(fresh.lm.lm_head.weight, 0.5))


def test_merge_refuses_a_run_of_another_backbone(run, tmp_path):
    run.config.backbone.name = "template"
    with pytest.raises(ConfigError, match="wanted '3d_llava'"):
        merge_command.MergeCommand().run(
            argparse.Namespace(out=tmp_path, layout="merged"), build_host()
        )
