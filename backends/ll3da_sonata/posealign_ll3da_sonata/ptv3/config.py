"""Sizes of the encoder, and choices of its arithmetic that no weight depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posealign_core.errors import ConfigError
from posealign_core.nn.serialization import CURVES

__all__ = ["BASE", "SMALL", "EncoderConfig", "EncoderOptions"]


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes; the defaults are those of the published base model (section 2).

    Attributes:
        in_channels: Coordinates, colour, normal.
        curves: Orders that the blocks of a stage take in turn.
        strides: How much coarser each stage after the first is.
        depths: Blocks per stage.
        channels: Width per stage.
        n_heads: Attention heads per stage.
        patch_sizes: Points per attention window, per stage.
        mlp_ratio: Hidden width of the feed-forward blocks over their width.
        qkv_bias: Whether queries, keys and values have biases.
        qk_scale: Factor of the logits; None takes one over the root of the head width.
        attention_dropout: Rate inside attention.
        projection_dropout: Rate after attention and inside the feed-forward blocks.
        drop_path: Rate of the last block's residual branches; those before rise to it linearly.
        mask_token: Whether there is a learnt feature for masked points.

    Raises:
        ConfigError: Lengths differ, or heads do not divide a width.
    """

    in_channels: int = 9
    curves: tuple[str, ...] = CURVES
    strides: tuple[int, ...] = (2, 2, 2, 2)
    depths: tuple[int, ...] = (3, 3, 3, 12, 3)
    channels: tuple[int, ...] = (48, 96, 192, 384, 512)
    n_heads: tuple[int, ...] = (3, 6, 12, 24, 32)
    patch_sizes: tuple[int, ...] = (1024,) * 5
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    qk_scale: float | None = None
    attention_dropout: float = 0.0
    projection_dropout: float = 0.0
    drop_path: float = 0.3
    mask_token: bool = True

    def __post_init__(self) -> None:
        faults = [f"wanted curves out of {CURVES}, found {c!r}" for c in self.curves]
        faults = [fault for fault, c in zip(faults, self.curves, strict=True) if c not in CURVES]
        per_stage = (self.depths, self.channels, self.n_heads, self.patch_sizes)
        if any(len(values) != len(self.strides) + 1 for values in per_stage):
            faults.append(
                "wanted one value per stage in depths, channels, n_heads and patch_sizes, and a "
                f"stride between each two, found {[len(v) for v in per_stage]} and "
                f"{len(self.strides)}"
            )
        faults += [
            f"wanted heads that divide the width, found {heads} heads for {width} channels"
            for heads, width in zip(self.n_heads, self.channels, strict=False)
            if width % heads
        ]
        if faults:
            raise ConfigError(faults, source="Point Transformer V3")

    @property
    def n_stages(self) -> int:
        """Resolutions."""
        return len(self.depths)


BASE = EncoderConfig()
"""`sonata`: 108,461,376 parameters."""
SMALL = EncoderConfig(
    depths=(2, 2, 2, 6, 2), channels=(32, 64, 128, 256, 512), n_heads=(2, 4, 8, 16, 32)
)
"""`sonata_small`: 38,648,992 parameters."""


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """Choices of arithmetic; the defaults make features independent of chance.

    Attributes:
        attention: `"flash"` takes the flash-attn package, `"sdpa"` torch's own kernels; `"auto"`
            takes flash-attn where it is installed and can serve (CUDA, half precision).
        attention_dtype: Precision inside attention alone; None keeps that of the features. The
            release computes in float16.
        windows: `"varlen"` gives each sample windows of its own, as the release does with
            flash-attn; `"min"` shrinks all windows to the smallest sample of the batch, as it does
            without (section 8.4).
        depth_per_sample: Whether the curves of a sample are those of its own extent; the release
            takes that of the largest sample in the batch (section 15, Q15).
        convolution: Sparse convolution engine; None takes the best for the device.
    """

    attention: Literal["auto", "sdpa", "flash"] = "auto"
    attention_dtype: Literal["float16", "bfloat16", "float32"] | None = None
    windows: Literal["varlen", "min"] = "varlen"
    depth_per_sample: bool = False
    convolution: Literal["torch", "spconv"] | None = None
