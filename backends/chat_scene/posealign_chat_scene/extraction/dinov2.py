"""DINOv2: patch features of frames (chat_scene spec 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import timm
import torch
from torch import nn

from posealign_chat_scene.extraction.cloud_batches import arithmetic
from posealign_chat_scene.extraction.patches import GRID, SIDE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from timm.models.vision_transformer import VisionTransformer
    from torch import Tensor

    from posealign_chat_scene.extraction.cloud_batches import Precision

__all__ = ["LARGE", "TINY_IMAGES", "Dinov2", "Dinov2Config", "encode_images"]

_LARGE = "vit_large_patch14_dinov2"
_MEAN = (0.485, 0.456, 0.406)
_SPREAD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Dinov2Config:
    """Sizes of the encoder.

    Attributes:
        dim: Width, and size of the feature.
        depth: Blocks.
        n_heads: Attention heads.
    """

    dim: int
    depth: int
    n_heads: int


LARGE = Dinov2Config(dim=1024, depth=24, n_heads=16)
"""`facebook/dinov2-large`."""

TINY_IMAGES = Dinov2Config(dim=64, depth=1, n_heads=4)
"""For the embedded benchmark, with random but fixed weights."""


class Dinov2(nn.Module):
    """Encodes images of 224x224 as 16x16 patches.

    Args:
        config: Sizes.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: Dinov2Config) -> None:
        super().__init__()
        self.dim = config.dim
        self.vit = cast(
            "VisionTransformer",
            timm.create_model(
                _LARGE,
                img_size=SIDE,
                num_classes=0,
                embed_dim=config.dim,
                depth=config.depth,
                num_heads=config.n_heads,
            ),
        )
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor(_SPREAD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images (F, 224, 224, 3) uint8 as patches (F, 16, 16, D), after the last norm."""
        pixels = (images.permute(0, 3, 1, 2) / 255.0 - self.mean) / self.spread
        tokens: Tensor = self.vit.forward_features(pixels)
        patches: Tensor = tokens[:, self.vit.num_prefix_tokens :]
        return patches.reshape(len(images), GRID, GRID, self.dim)


@torch.inference_mode()
def encode_images(
    model: Dinov2, images: NDArray[np.uint8], *, batch_size: int, precision: Precision
) -> Tensor:
    """Encode images on the model's device.

    Args:
        model: The encoder.
        images: (F, 224, 224, 3).
        batch_size: Images at a time.
        precision: How matrices are multiplied.

    Returns:
        (F, 16, 16, D) float32 on the model's device.
    """
    device = next(model.parameters()).device
    with arithmetic(precision, device):
        parts = [
            model(torch.from_numpy(images[i : i + batch_size]).to(device)).float()
            for i in range(0, len(images), batch_size)
        ]
    return torch.cat(parts) if parts else torch.zeros(0, GRID, GRID, model.dim, device=device)
