"""What can be set about the LL3DA-SONATA backbone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from posealign_ll3da.config import LanguageConfig, ScanConfig
from posealign_ll3da_sonata.ptv3.config import EncoderConfig, EncoderOptions

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SonataConfig", "TokenConfig", "VoxelConfig"]

Shift = Literal["xyz", "z", "none"]


@dataclass(frozen=True, kw_only=True)
class VoxelConfig(ScanConfig):
    """How a scan becomes the encoder's input.

    Attributes:
        n_points: Points that are sampled before voxels are made, at most; 0 takes all.
        voxel_m: Edge of a voxel.
        shift: Which axes of an unposed scene are moved: the middle of its box to zero in x and y
            and its floor in z (`xyz`), as the encoder was trained; the floor alone; or none.
        ego_shift: The same for a scene in an ego frame. `none` keeps the asker at the origin.
        colors: Whether colours are fed.
        normals: Whether normals are: those of the scan, estimated where it has none (`estimate`),
            zeros where it has none (`given`), or zeros always (`drop`).
        n_neighbors: Points that a normal is estimated from.
    """

    n_points: int = 40_000
    voxel_m: float = 0.02
    shift: Shift = "xyz"
    ego_shift: Shift = "none"
    colors: bool = True
    normals: Literal["estimate", "given", "drop"] = "estimate"
    n_neighbors: int = 16


@dataclass(frozen=True, kw_only=True)
class TokenConfig:
    """How voxel features become scene tokens; the paper does not say, this is our own design.

    Attributes:
        n_tokens: Tokens of a scene, at most.
        n_joined: Stages whose features are joined to the coarsest one's.
        to_stage: Resolution at which tokens are sampled, counted from the finest.
        pooling: A token is the mean of all voxels to which it is the nearest, or the feature of the
            one voxel that it was sampled from.
        seed: Draws the voxel that sampling starts from.
    """

    n_tokens: int = 1024
    n_joined: int = 2
    to_stage: int = 2
    pooling: Literal["nearest_mean", "gather"] = "nearest_mean"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class SonataConfig(LanguageConfig):
    """Sizes, files and fidelity.

    Attributes:
        cloud: How a scan becomes the encoder's input.
        encoder: Sizes of the Point Transformer.
        encoder_options: Its arithmetic.
        encoder_weights: File of the published encoder.
        tokens: How its features become scene tokens.
        captions: Captions are prompted by the middle of the given object (`click`) or by its box
            (`box`); nothing is detected.
    """

    cloud: VoxelConfig = field(default_factory=VoxelConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    encoder_options: EncoderOptions = field(default_factory=EncoderOptions)
    encoder_weights: Path | None = None
    tokens: TokenConfig = field(default_factory=TokenConfig)
    captions: Literal["click", "box"] = "click"
