"""What can be set about the template backbone."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TemplateConfig"]


@dataclass(frozen=True, kw_only=True)
class TemplateConfig:
    """Sizes of the language model, and whether it starts from the shipped weights.

    Attributes:
        width: Length of a token's vector.
        n_layers: Number of decoder layers.
        n_heads: Attention heads of each layer.
        mlp_width: Hidden width of each layer's feed-forward block.
        n_slots: Slots that objects are spoken of by: object k is `obj<k>`.
        max_objects: Objects that are looked at; of a scene with more, those that the questions
            speak of and the nearest to them. The shipped weights have met up to 12.
        n_unknown: Tokens shared by the words that the vocabulary lacks.
        pretrained: Start from `weights/base.safetensors`, which fits the default sizes only;
            otherwise from random weights.
    """

    width: int = 128
    n_layers: int = 4
    n_heads: int = 4
    mlp_width: int = 384
    n_slots: int = 128
    max_objects: int = 12
    n_unknown: int = 256
    pretrained: bool = True
