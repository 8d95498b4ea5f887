"""What can be set about the 3D-LLaVA backbone; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from posealign_3d_llava.model.config import TowerConfig
from posealign_core.language.llm_config import LlmConfig
from posealign_core.structures.generation import GenerationOptions  # noqa: TC001 - read by name
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LlavaConfig"]


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
        augment: Whether training takes the random geometric steps. Without them the frozen tower
            encodes each scene and pose once, however often it is asked about.
        leading_space: Released: a space stands between scene and question in evaluation, and not
            in training. Correct: in neither.
        decoding: How answers are decoded, by benchmark; as the run says where not set.
        merged_tower: Where the tower of a merged checkpoint comes from. The release drops what the
            checkpoint says of it and keeps the stage-1 file's, with a projection from [SEG] states
            that nobody trained (specification section 9, Q3): `stage1_only`.
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
    augment: bool = True
    leading_space: Fidelity = Fidelity.CORRECT
    decoding: Mapping[str, GenerationOptions] = field(default_factory=dict)
    merged_tower: Literal["checkpoint", "stage1_only"] = "checkpoint"
    sampler: Fidelity = Fidelity.CORRECT
