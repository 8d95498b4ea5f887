"""Loading what the authors published, whatever its layout (specification sections 6.6 to 6.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_3d_llava.checkpoints.layout import merged_tensors
from posealign_3d_llava.checkpoints.lora_run import is_lora_run, merge_lora_run
from posealign_core.errors import DataError
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file, read_folder

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
    from posealign_core.backbone import LoadReport

__all__ = ["load_published"]


_TOWER = "model.pointcloud_tower."


def load_published(
    llava: LlavaLlamaForCausalLM, path: Path, *, with_tower: bool = True
) -> LoadReport:
    """Load a LoRA run, which the model's base and stage-1 tower go with, or a merged checkpoint.

    The projector's width says which variant a checkpoint is of: Embed adds six columns, and is
    reported as reshaped where the model lacks `ego_features`, or has them in vain.

    Args:
        llava: A model without adapters.
        path: A folder in either layout, or a single file of a merged checkpoint.
        with_tower: Whether to take the tower of a merged checkpoint; otherwise it stays as it is,
            and nothing is reported of it.

    Raises:
        DataError: A file is missing or damaged.
        UnsafeFileError: A file asks for code.
    """
    if is_lora_run(path):
        return merge_lora_run(llava, path)
    if not path.exists():
        raise DataError(f"{path}: wanted published weights, found nothing there")
    entries = read_folder(path) if path.is_dir() else read_file(path)
    wanted = merged_tensors(llava)
    if not with_tower:
        wanted = {key: tensor for key, tensor in wanted.items() if not key.startswith(_TOWER)}
        entries = ((key, tensor) for key, tensor in entries if not key.startswith(_TOWER))
    return fill(wanted, entries)
