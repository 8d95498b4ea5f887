"""What can be set about the Chat-Scene backbone; the defaults are the published sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from posealign_chat_scene.model.config import NetworkConfig
from posealign_core.language.llm_config import LlmConfig
from posealign_core.structures.generation import GenerationOptions  # noqa: TC001 - read by name
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ChatSceneConfig", "ObjectsConfig"]


@dataclass(frozen=True, kw_only=True)
class ObjectsConfig:
    """Where objects and what is known of them come from.

    Attributes:
        proposals: Attribute files of detected objects; the scene's own objects where empty.
        ground_truth: Attribute files of the scenes' own objects, by which training questions are
            matched with detected ones before it starts; the scans are read where empty.
        features: `files`: tables that were made beforehand. `tiny`: small fixed encoders over the
            scene's points and renderings of them, as it is read.
        points: Tables of 3-D features.
        images: Tables of 2-D features.
        places: Where an object is. `center`: at the middle of its box, which moves as the box does.
            `points`: at the middle of the box around its points in the very frame in which places
            are told (section 9.4; boxes around moved corners have the middle of `center`).
        reextract: Where 3-D features come from in transform mode. `none`: as ever, turned objects
            keep the features of unturned ones. `exact`: seen from the very frame. `yaw`: turned by
            the nearest of some equal angles.
        yaw_points: Table of 3-D features at equal angles, for `yaw`.
        pose_points: Folder of 3-D features by scan and frame, for `exact`.
    """

    proposals: tuple[Path, ...] = ()
    ground_truth: tuple[Path, ...] = ()
    features: Literal["files", "tiny"] = "files"
    points: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    places: Literal["center", "points"] = "center"
    reextract: Literal["none", "exact", "yaw"] = "none"
    yaw_points: Path | None = None
    pose_points: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ChatSceneConfig:
    """Sizes, files and fidelity.

    Attributes:
        llm: Sizes of the language model.
        network: Everything else about the network.
        objects: Where objects and their features come from.
        dtype: Precision of the language model's layers.
        tokenizer: Folder of the Llama tokenizer; the shipped toy vocabulary where not set.
        base: Folder of Vicuna-7B v1.5.
        pretrained: Start from the shipped tiny weights.
        texts: JSON file with the wordings of prompts and replies; our own where not set.
        text_digests: SHA-256 of wordings that this preset is meant to be run with, by name.
        embed: What embed mode does. `places`: the position channel tells places from the ego frame.
            `features`: six numbers beside each 3-D feature relate the object to the camera.
        test_order: Released: objects have identifiers at random in evaluation too. Correct: in
            their own order.
        leading_space: Released: a space stands before the question in evaluation, and not in
            training (Q3). Correct: in neither.
        identifier_rules: Released: a referring expression that is answered without an identifier
            means object 0, and one that is said twice counts twice (Q6, Q21). Correct: neither.
        embedding_decay: Released: weight decay shrinks all word embeddings (Q2). Correct: none.
        rate_scaling: Released: the learning rate is that of 128 sequences per step on all GPUs, and
            rises and falls with their number (Q10). Correct: it is as stated.
        decoding: How answers are decoded, by benchmark; as the run says where not set.
    """

    llm: LlmConfig = field(default_factory=lambda: LlmConfig(max_length=768))
    network: NetworkConfig = field(default_factory=NetworkConfig)
    objects: ObjectsConfig = field(default_factory=ObjectsConfig)
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    tokenizer: Path | None = None
    base: Path | None = None
    pretrained: bool = False
    texts: Path | None = None
    text_digests: Mapping[str, str] = field(default_factory=dict)
    embed: Literal["places", "features"] = "places"
    test_order: Fidelity = Fidelity.CORRECT
    leading_space: Fidelity = Fidelity.CORRECT
    identifier_rules: Fidelity = Fidelity.CORRECT
    embedding_decay: Fidelity = Fidelity.CORRECT
    rate_scaling: Fidelity = Fidelity.CORRECT
    decoding: Mapping[str, GenerationOptions] = field(default_factory=dict)
