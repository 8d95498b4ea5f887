"""Which tensors of the model a published layout holds, under which names (sections 6.6, 6.8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM

__all__ = [
    "RUN_PREFIX",
    "adapted_linears",
    "merged_tensors",
    "non_lora_tensors",
    "plain_run_keys",
]

RUN_PREFIX = "base_model.model."
"""In front of every key of a LoRA run."""
_ALIAS = "model.pointcloud_tower.alignment_proj."
_ADAPTED = re.compile(r"model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj")
_NON_LORA = (
    "lm_head.",
    "model.embed_tokens.",
    "model.mm_projector.",
    "model.pointcloud_tower.segmentor.alignment_proj.",
    "model.pointcloud_tower.hidden_seg_fc.",
)
_STATISTICS = ("running_mean", "running_var")


def merged_tensors(llava: LlavaLlamaForCausalLM) -> dict[str, Tensor]:
    """What a merged checkpoint holds: everything once, adapters apart."""
    return {
        key.replace(".base_layer.", "."): tensor
        for key, tensor in llava.state_dict().items()
        if not key.startswith(_ALIAS) and ".lora_" not in key
    }


def non_lora_tensors(llava: LlavaLlamaForCausalLM) -> dict[str, Tensor]:
    """What `non_lora_trainables.bin` holds: fully trained modules and BatchNorm statistics."""
    return {
        key: tensor
        for key, tensor in merged_tensors(llava).items()
        if key.startswith(_NON_LORA) or key.endswith(_STATISTICS)
    }


def adapted_linears(llava: LlavaLlamaForCausalLM) -> dict[str, nn.Linear]:
    """The linears that a LoRA run adapts, by name: seven in each layer."""
    return {
        name: module
        for name, module in llava.named_modules()
        if isinstance(module, nn.Linear) and _ADAPTED.fullmatch(name)
    }


def plain_run_keys(
    stored: Iterable[tuple[str, Tensor]],
) -> Iterator[tuple[str, Tensor]]:
    """Entries of a LoRA run under the names of the model."""
    entries = [(key.removeprefix("base_model."), tensor) for key, tensor in stored]
    doubled = any(key.startswith("model.model.") for key, _ in entries)
    for key, tensor in entries:
        yield key.removeprefix("model.") if doubled else key, tensor
