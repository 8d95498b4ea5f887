"""What saving and loading owe: nothing lost, nothing taken over unseen."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from posealign_core.errors import PoseAlignError
from posealign_core.testing.check import conformance_check, demand
from posealign_core.testing.compare import differences
from posealign_core.training.checkpoint import load_checkpoint, save_checkpoint
from posealign_core.training.meta import CheckpointMeta

if TYPE_CHECKING:
    from posealign_core.testing.subject import Subject


@conformance_check()
def check_save_load_round_trip(subject: Subject) -> None:
    """A fresh model that loads a checkpoint has the loss and the answers of the saved one."""
    modes = subject.spec.tags.modes
    samples = [subject.sample(*modes, query=query) for query in subject.queries()]
    batch = subject.batch(samples, train=True)
    trained = subject.tuned(lambda _: batch, 5).model
    restored = subject.model()
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(trained, Path(folder), CheckpointMeta(backbone=subject.spec.name))
        load_checkpoint(restored, Path(folder))
    restored.eval()
    with torch.no_grad():
        here, there = trained(batch).loss, restored(batch).loss
    demand(torch.allclose(here, there, rtol=1e-4), f"loss {here:.5f} before, {there:.5f} after")
    found = differences(subject.answer(trained, samples), subject.answer(restored, samples))
    demand(not found, f"answers before saving and after loading differ: {found}")


@conformance_check()
def check_load_reports_mismatch(subject: Subject) -> None:
    """Given weights of something else, `load_published` reports what does not fit, or refuses."""
    model = subject.model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file({"of.something.else": torch.zeros(3)}, path)
        try:
            report = model.load_published(path)
        except PoseAlignError:
            report = None
    if report is not None:
        demand(
            report.missing and report.unexpected and not report.loaded,
            f"weights of something else give {report}; wanted missing and unexpected keys",
        )
    changed = [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]
    demand(not changed, f"weights of something else changed {changed}")
