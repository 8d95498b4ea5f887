"""What can be set about the 3D-LLaVA backbone; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from posealign_3d_llava.model.config import TowerConfig
from posealign_core.structures.generation import GenerationOptions  # noqa: TC001 - read by name
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LlavaConfig", "LlmConfig"]


@dataclass(frozen=True, kw_only=True)
class LlmConfig:
    """Sizes of the language model (specification section 4.1).

    Attributes:
        width: Hidden channels.
        n_layers: Decoder layers.
        n_heads: Attention heads of each layer.
        mlp_width: Hidden channels of each layer's feed-forward block.
        norm_epsilon: Of its RMS norms.
        max_length: Longest spliced sequence; what is longer loses its end in training.
    """

    width: int = 4096
    n_layers: int = 32
    n_heads: int = 32
    mlp_width: int = 11008
    norm_epsilon: float = 1e-5
    max_length: int = 4096


@dataclass(frozen=True, kw_only=True)
class LlavaConfig:
    """Sizes, files and fidelity.

    Attributes:
        llm: Sizes of the language model.
        tower: Sizes of the point-cloud tower, and its fidelity.
        dtype: Precision of the weights; coordinates are rounded to it as well.
        ego_features: Widen the projector by the six features of embed mode.
        tokenizer: Folder of the Llama tokenizer; the shipped toy vocabulary where not set.
        base: Folder of LLaVA-1.5-7B, for the language model and the projector.
        tower_weights: Stage-1 file of the point-cloud tower.
        pretrained: Start from the shipped tiny weights.
        texts: JSON file with the wordings of prompts and replies; our own where not set.
        text_digests: SHA-256 of wordings that this preset is meant to be run with, by name.
        voxel_size_m: Edge of a voxel, metres.
        leading_space: Released: a space stands between scene and question in evaluation, and not
            in training. Correct: in neither.
        decoding: How answers are decoded, by benchmark; as the run says where not set.
        sampler: Released: the published order of training samples. Correct: one task in every
            micro-batch, and no sample lost.
    """

    llm: LlmConfig = field(default_factory=LlmConfig)
    tower: TowerConfig = field(default_factory=TowerConfig)
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    ego_features: bool = False
    tokenizer: Path | None = None
    base: Path | None = None
    tower_weights: Path | None = None
    pretrained: bool = False
    texts: Path | None = None
    text_digests: Mapping[str, str] = field(default_factory=dict)
    voxel_size_m: float = 0.02
    leading_space: Fidelity = Fidelity.CORRECT
    decoding: Mapping[str, GenerationOptions] = field(default_factory=dict)
    sampler: Fidelity = Fidelity.CORRECT
