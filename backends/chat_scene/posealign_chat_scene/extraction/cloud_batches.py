"""Encoding many objects at once, with the result of encoding each alone."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from posealign_chat_scene.extraction.object_clouds import ObjectCloud
    from posealign_chat_scene.extraction.uni3d import Uni3D

__all__ = ["Precision", "arithmetic", "cloud_batches", "encode_clouds"]

MAX_POINTS = 400_000
"""Padded points of a batch: distances to the sampled centres take 4 KiB for each."""


class Precision(str, Enum):
    """How matrices are multiplied."""

    FLOAT32 = "float32"
    """As the published features were."""
    TF32 = "tf32"
    """Ten bits of mantissa on CUDA, float32 elsewhere."""
    BFLOAT16 = "bfloat16"
    """Seven bits of mantissa."""


def cloud_batches(clouds: Sequence[ObjectCloud], most: int) -> Iterator[list[int]]:
    """Split clouds into batches of at most `most`, those of like size together.

    Yields:
        Indices into `clouds`, from the largest cloud to the smallest.
    """
    order = sorted(range(len(clouds)), key=lambda i: -len(clouds[i].points))
    while order:
        fitting = max(1, MAX_POINTS // len(clouds[order[0]].points))
        n = min(most, fitting)
        yield order[:n]
        order = order[n:]


@torch.inference_mode()
def encode_clouds(
    model: Uni3D, clouds: Sequence[ObjectCloud], *, batch_size: int, precision: Precision
) -> Tensor:
    """Encode objects on the model's device.

    Args:
        model: The encoder.
        clouds: The objects.
        batch_size: Most objects at a time.
        precision: How matrices are multiplied.

    Returns:
        (n, D) float32 on the CPU, in the order of `clouds`.
    """
    device = next(model.parameters()).device
    out = torch.zeros(len(clouds), model.trans2embed.out_features)
    with arithmetic(precision, device):
        for rows in cloud_batches(clouds, batch_size):
            out[rows] = model(*_padded([clouds[i] for i in rows], device)).float().cpu()
    return out


def _padded(clouds: Sequence[ObjectCloud], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Points, colours and lengths; a cloud's first point fills up its rows."""
    lengths = torch.tensor([len(cloud.points) for cloud in clouds])
    most = int(lengths.max())
    points, colors = torch.empty(2, len(clouds), most, 3).unbind()
    for row, cloud in enumerate(clouds):
        n = len(cloud.points)
        for padded, values in ((points, cloud.points), (colors, cloud.colors)):
            padded[row, :n] = torch.from_numpy(values)
            padded[row, n:] = padded[row, 0]
    return points.to(device), colors.to(device), lengths.to(device)


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Multiply matrices in this precision within the block."""
    before = torch.get_float32_matmul_precision()
    convolutions = torch.backends.cudnn.allow_tf32
    fast = precision is not Precision.FLOAT32
    torch.set_float32_matmul_precision("high" if fast else "highest")
    torch.backends.cudnn.allow_tf32 = fast
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision is Precision.BFLOAT16):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = convolutions
