"""Sizes of a LLaMA; free of heavy imports, so that configurations may hold one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LlmConfig"]


@dataclass(frozen=True, kw_only=True)
class LlmConfig:
    """Sizes of the language model; the defaults are those of every 7B LLaMA.

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
