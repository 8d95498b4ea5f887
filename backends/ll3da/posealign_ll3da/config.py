"""What can be set about the LL3DA backbone; the defaults are the published ones, made right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from posealign_core.structures.generation import GenerationOptions  # noqa: TC001 - read by name
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.config import CaptionerConfig, DetectorConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CloudConfig", "LanguageConfig", "Ll3daConfig", "LlmConfig", "ScanConfig"]


@dataclass(frozen=True, kw_only=True)
class LlmConfig:
    """Sizes of the language model, an OPT (specification section 3.4).

    Attributes:
        width: Hidden channels.
        n_layers: Decoder layers.
        n_heads: Attention heads of each layer.
        ffn_width: Hidden channels of each layer's feed-forward block.
        max_positions: Longest sequence, the prefix included.
        vocab_size: Rows of its embedding; as many as the tokenizer has words where not set.
        dtype: Precision of its weights; everything else is float32.
    """

    width: int = 2048
    n_layers: int = 24
    n_heads: int = 32
    ffn_width: int = 8192
    max_positions: int = 2048
    vocab_size: int | None = None
    dtype: Literal["float32", "float16", "bfloat16"] = "float16"


@dataclass(frozen=True, kw_only=True)
class ScanConfig:
    """How a scan is sampled and asked about, whatever reads it (sections 1.2, 9.2 and 9.3).

    Attributes:
        n_points: Points that are sampled, with repeats from a scan that has fewer.
        sampling: Correct: outside training, the sample of a scan is always the same. Released: it
            is drawn anew.
        augment: Whether training draws each cloud anew, and turns it a little. Without, what reads
            scans, where it is frozen, reads each scene and pose once.
        flip: Correct: no mirror images, since they leave left and right in the words. Released:
            half of the training samples are mirrored along x, and half along y.
        ego_boxes: Boxes of objects in an ego frame: around the object's points (`tight`), around
            its world box (`enclose`), or none, so that no answer states a place.
        click: Where an object is clicked: at the middle of its box, as the release does in effect,
            or, in training, at one of its points.
    """

    n_points: int = 40_000
    sampling: Fidelity = Fidelity.CORRECT
    augment: bool = True
    flip: Fidelity = Fidelity.CORRECT
    ego_boxes: Literal["tight", "enclose", "none"] = "tight"
    click: Literal["box_center", "instance_point"] = "box_center"


@dataclass(frozen=True, kw_only=True)
class CloudConfig(ScanConfig):
    """How a scan becomes the detector's input.

    Attributes:
        normals: Correct: normals turn with the points. Released: they stay as the raw scan has
            them, which the published weights were trained with.
        height: Height of a point over the floor, the lowest hundredth of the scan, along gravity
            (`up`), or along the z axis of the input (`z`), which a tilted camera tilts.
    """

    normals: Fidelity = Fidelity.CORRECT
    height: Literal["up", "z"] = "up"


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """Sizes, files and fidelity of the language side, whatever reads the scan.

    Attributes:
        cloud: How a scan is sampled.
        captioner: Sizes of the Q-Former and the projections, and their fidelity.
        llm: Sizes of the language model.
        tokenizer: Folder of the language model's tokenizer; the shipped toy vocabulary, for both
            tokenizers, where not set.
        qformer_tokenizer: Folder of the Q-Former's tokenizer, BERT's.
        base: Folder of the language model.
        bert: Folder of BERT, for the Q-Former's embeddings.
        pretrained: Start from the shipped tiny weights.
        texts: JSON file with the wordings of prompts and replies; our own where not set.
        text_digests: SHA-256 of wordings that this preset is meant to be run with, by name.
        max_text: Most tokens of an instruction with its answer.
        location_tokens: New tokens that an answer which states a place gets at least.
        taught_places: Whether training also asks for the places of what captions and answers are
            about, with the wordings that do.
        captions: Which objects are described, and how they are prompted: the given ones, by their
            middle (`click`) or their box (`box`).
        decoding: How answers are decoded, by benchmark; as the run says where not set.
        trained: Everything but language model and what reads the scan (`standard`), or the
            Q-Former alone.
        lora: Whether the language model gets adapters as well.
        recipe: Released: the published schedule, and weight decay of vectors too. Correct: those
            of the run.
    """

    cloud: ScanConfig = field(default_factory=ScanConfig)
    captioner: CaptionerConfig = field(default_factory=CaptionerConfig)
    llm: LlmConfig = field(default_factory=LlmConfig)
    tokenizer: Path | None = None
    qformer_tokenizer: Path | None = None
    base: Path | None = None
    bert: Path | None = None
    pretrained: bool = False
    texts: Path | None = None
    text_digests: Mapping[str, str] = field(default_factory=dict)
    max_text: int = 512
    location_tokens: int = 64
    taught_places: bool = True
    captions: Literal["dense", "click", "box"] = "click"
    decoding: Mapping[str, GenerationOptions] = field(default_factory=dict)
    trained: Literal["standard", "qformer_only"] = "standard"
    lora: bool = False
    recipe: Fidelity = Fidelity.CORRECT


@dataclass(frozen=True, kw_only=True)
class Ll3daConfig(LanguageConfig):
    """Sizes, files and fidelity.

    Attributes:
        cloud: How a scan becomes the detector's input.
        detector: Sizes of the detector, and its fidelity.
        detector_weights: File of the pre-trained detector.
        captions: Which objects are described. `dense`: those that a detected box meets, in the
            frame that the detector was trained in; the caption is prompted by that box, or, in
            transform mode, by a click at its middle in the ego frame. `click` and `box`: the given
            ones, prompted by their middle or their box.
    """

    cloud: CloudConfig = field(default_factory=CloudConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    detector_weights: Path | None = None
    captions: Literal["dense", "click", "box"] = "dense"
