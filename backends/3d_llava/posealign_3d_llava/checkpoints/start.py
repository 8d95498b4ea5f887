"""What fine-tuning starts from: LLaVA-1.5 and a stage-1 point tower (sections 3.1, 4.1, 5.5)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from posealign_core.errors import CheckpointMismatchError, PoseAlignWarning
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
    from posealign_3d_llava.model.tower import PointCloudTower

__all__ = ["load_base", "load_stage1"]

_VOCABULARY = ("model.embed_tokens.weight", "lm_head.weight")
_PROJECTOR = "model.mm_projector.0.weight"
_UNUSED = ("model.vision_tower.", ".rotary_emb.inv_freq")
_NEW_ROW_STD = 0.02


def load_base(llava: LlavaLlamaForCausalLM, folder: Path) -> None:
    """Fill language model and projector from LLaVA-1.5.

    The row of [SEG] is drawn anew; columns of the projector for pose features keep what they have.

    Raises:
        CheckpointMismatchError: The base has other sizes, or lacks something.
        DataError: A file is missing or damaged.
    """
    state = llava.state_dict()
    wanted = {key: t for key, t in state.items() if not key.startswith("model.pointcloud_tower.")}
    fill(wanted, _grown(folder, wanted)).require_exact(str(folder))


@torch.no_grad()
def _grown(folder: Path, wanted: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Entries of the base, with rows and columns added where the model has more."""
    for key, stored in read_folder(folder):
        if any(part in key for part in _UNUSED):
            continue
        tensor, target = stored, wanted.get(key)
        if target is not None and key in _VOCABULARY and len(tensor) == len(target) - 1:
            row = torch.empty_like(target[:1]).normal_(std=_NEW_ROW_STD)
            tensor = torch.cat([tensor.to(target), row])
        if target is not None and key == _PROJECTOR and tensor.shape[1] < target.shape[1]:
            tensor = torch.cat([tensor.to(target), target[:, tensor.shape[1] :]], dim=1)
        yield key, tensor


def load_stage1(tower: PointCloudTower, path: Path) -> None:
    """Fill a tower from a stage-1 file: the segmentor, then the two copies of its decoder.

    Warns of entries that the segmentor has no use for.

    Raises:
        CheckpointMismatchError: Something is missing, or of another shape.
        DataError: The file is missing or damaged.
    """
    stored = ((key.replace("module.", ""), tensor) for key, tensor in read_file(path))
    report = fill(tower.segmentor.state_dict(), stored)
    if report.missing or report.reshaped:
        faults = [f"missing {key}" for key in report.missing]
        faults += [f"{key}: file has {a}, model has {b}" for key, a, b in report.reshaped]
        raise CheckpointMismatchError(
            f"{path}: wanted the point tower of stage 1, found {len(faults)} fault(s): "
            f"{'; '.join(faults[:8])}"
        )
    if report.unexpected:
        warnings.warn(
            f"{path}: left out {len(report.unexpected)} entries that the tower has no use for: "
            f"{', '.join(report.unexpected[:8])}",
            PoseAlignWarning,
            stacklevel=2,
        )
    tower.copy_decoder()
