"""Sizes of the network, and which quirks of the released one it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from posealign_core.vocabulary import Fidelity

__all__ = ["CaptionerConfig", "DetectorConfig", "ModelFidelity"]


@dataclass(frozen=True, kw_only=True)
class ModelFidelity:
    """One switch per defect that the release computes with (specification sections 10 and 11).

    Attributes:
        fps_origin: Released: furthest point sampling skips points within 3.16 cm of the origin, so
            that a scene's features depend on where it stands. Correct: it skips none.
        mask_distance: Released: which points attend to each other is decided by distances from a
            matrix product, whose rounding depends on where the scene stands. Correct: exact ones.
        first_beam_step: Released: beams are searched by the release's own rules, which normalise
            the first token over the best beams alone. Correct: transformers' beam search.
        loss_precision: Released: cross-entropy in the language model's precision. Correct: float32.
        nms_background: Released: background proposals suppress objects. Correct: they are left out.
    """

    fps_origin: Fidelity = Fidelity.CORRECT
    mask_distance: Fidelity = Fidelity.CORRECT
    first_beam_step: Fidelity = Fidelity.CORRECT
    loss_precision: Fidelity = Fidelity.CORRECT
    nms_background: Fidelity = Fidelity.CORRECT

    @classmethod
    def uniform(cls, fidelity: Fidelity) -> ModelFidelity:
        """The same choice for every switch."""
        return cls(**{switch.name: fidelity for switch in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Sizes of the detector; the defaults are the published ones (specification section 2).

    Attributes:
        n_features: Channels of a point besides its coordinates.
        n_points: Points after the first set abstraction.
        n_tokens: Scene tokens, points after the second.
        n_queries: Boxes.
        first_mlp: Hidden channels of the first set abstraction.
        width: Channels of everything after it.
        radii_m: Radii of the three set abstractions: points, tokens, queries.
        ball_sizes: Points per ball of the three.
        mask_radii_m: How far each encoder layer sees; the second abstraction follows the first.
        n_heads: Attention heads.
        encoder_ffn: Hidden channels of the encoder's feed-forward blocks.
        n_decoder_layers: Layers of the decoder.
        decoder_ffn: Hidden channels of the decoder's.
        dropout: Rate of the transformer layers.
        head_dropout: Rate of the box heads.
        n_classes: Object classes; one more means background.
        fidelity: Which quirks are kept.
    """

    n_features: int = 7
    n_points: int = 2048
    n_tokens: int = 1024
    n_queries: int = 256
    first_mlp: tuple[int, ...] = (64, 128)
    width: int = 256
    radii_m: tuple[float, float, float] = (0.2, 0.4, 0.3)
    ball_sizes: tuple[int, int, int] = (64, 32, 16)
    mask_radii_m: tuple[float, ...] = (0.16, 0.64, 1.44)
    n_heads: int = 4
    encoder_ffn: int = 128
    n_decoder_layers: int = 8
    decoder_ffn: int = 256
    dropout: float = 0.1
    head_dropout: float = 0.3
    n_classes: int = 18
    fidelity: ModelFidelity = field(default_factory=ModelFidelity)


@dataclass(frozen=True, kw_only=True)
class CaptionerConfig:
    """Sizes of prompts and Q-Former; the defaults are the published ones (specification section 3).

    Attributes:
        token_width: Channels of scene tokens.
        n_latents: Learned queries, which become the prefix.
        tokens_per_prompt: Queries that one box or click becomes.
        width: Channels of the Q-Former.
        n_layers: Its layers; every other one attends to the scene, from the first.
        n_heads: Its attention heads.
        ffn_width: Hidden channels of its feed-forward blocks.
        vocab_size: Of the Q-Former's tokenizer.
        max_positions: Longest instruction, in the Q-Former's tokens.
        dropout: Of hidden states and attention.
        n_ego_features: Pose features per token, 0 or 6: what embed mode adds (section 9.6).
        token_position: Whether scene tokens get codes of their place (section 9.4); without them
            the Q-Former sees nothing of where the scene stands.
        fidelity: Which quirks are kept.
    """

    token_width: int = 256
    n_latents: int = 32
    tokens_per_prompt: int = 8
    width: int = 768
    n_layers: int = 6
    n_heads: int = 12
    ffn_width: int = 3072
    vocab_size: int = 30522
    max_positions: int = 512
    dropout: float = 0.1
    n_ego_features: int = 0
    token_position: bool = False
    fidelity: ModelFidelity = field(default_factory=ModelFidelity)
