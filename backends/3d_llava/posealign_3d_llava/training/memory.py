"""How much memory of a GPU a training run will take, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.training import memory
from posealign_core.training.memory import TEXT_TOKENS

if TYPE_CHECKING:
    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_core.training.memory import MemoryEstimate
    from posealign_core.training.settings import TrainSettings

__all__ = ["estimate_memory"]


def estimate_memory(
    backbone: LlavaBackbone, settings: TrainSettings, *, n_text_tokens: int = TEXT_TOKENS
) -> MemoryEstimate:
    """Estimate what a run will take on each GPU; arguments as for the core's function."""
    llm, tower = backbone.llava_config.llm, backbone.llava_config.tower
    return memory.estimate_memory(
        backbone, llm, settings, n_scene_tokens=tower.n_tokens, n_text_tokens=n_text_tokens
    )
