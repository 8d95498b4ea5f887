"""How much memory of a GPU a training run will take, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from posealign_core.training.lora import is_under

if TYPE_CHECKING:
    from posealign_core.backbone import Backbone
    from posealign_core.language.llm_config import LlmConfig
    from posealign_core.training.settings import TrainSettings

__all__ = ["TEXT_TOKENS", "MemoryEstimate", "estimate_memory"]

TEXT_TOKENS = 200
"""Tokens of an ordinary conversation, beside its scene tokens."""
_GIB = 2**30
_HALF, _FULL = 2, 4


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes on each GPU, for weights in bfloat16 and mixed precision.

    Attributes:
        frozen: 2 per frozen weight.
        trained: 16 per trained weight: itself, its gradient and the two moments of AdamW, float32.
        activations: Per sequence and token of the language model, in each layer with width h and
            MLP width m: 2 * (9 h + 4 m) for what its linears and norms keep, 2 * (6 h + m) for the
            inputs of the adapters behind their dropout, 4 * 2 h for the residual stream in
            float32; or, with gradient checkpointing, 4 h for each layer and the above for one.
    """

    frozen: int
    trained: int
    activations: int

    @property
    def total(self) -> int:
        """All of it; frozen encoders keep nothing, and the CUDA context comes on top."""
        return self.frozen + self.trained + self.activations

    def __str__(self) -> str:
        parts = {
            "frozen weights": self.frozen,
            "trained weights, gradients and moments": self.trained,
            "activations": self.activations,
        }
        listed = ", ".join(f"{name} {size / _GIB:.1f}" for name, size in parts.items())
        return f"estimated GPU memory: {self.total / _GIB:.1f} GiB ({listed})"


def estimate_memory(
    backbone: Backbone,
    llm: LlmConfig,
    settings: TrainSettings,
    *,
    n_scene_tokens: int,
    n_text_tokens: int = TEXT_TOKENS,
) -> MemoryEstimate:
    """Estimate what a run will take on each GPU.

    Args:
        backbone: Before adapters are put in.
        llm: Sizes of its language model.
        settings: Batch size, rank and checkpointing.
        n_scene_tokens: Tokens of a sequence that stand for the scene.
        n_text_tokens: Its other tokens; of an ordinary conversation where not known.
    """
    whole, targets = backbone.trainable().full_modules, backbone.trainable().lora_targets
    sizes = {name: parameter.numel() for name, parameter in backbone.named_parameters()}
    trained = sum(size for name, size in sizes.items() if is_under(name, whole))
    adapters = sum(
        settings.lora_rank * (module.in_features + module.out_features)
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Linear)
        and name.rpartition(".")[2] in targets
        and not is_under(name, whole)
    )
    per_layer = _HALF * (15 * llm.width + 5 * llm.mlp_width) + _FULL * 2 * llm.width
    stacked = llm.n_layers * per_layer
    if settings.gradient_checkpointing:
        stacked = llm.n_layers * _FULL * llm.width + per_layer
    n_tokens = settings.batch_size * (n_scene_tokens + n_text_tokens)
    return MemoryEstimate(
        frozen=_HALF * (sum(sizes.values()) - trained),
        trained=4 * _FULL * (trained + adapters),
        activations=n_tokens * stacked,
    )
