"""A backbone's language model as a plain one on disk, for programs that know no backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from posealign_core.atomic import atomic_path, make_folder, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn
    from transformers import PreTrainedModel

__all__ = ["plain_tensors", "save_language_model"]


def save_language_model(lm: PreTrainedModel, folder: Path) -> None:
    """Write `config.json` and `model.safetensors`, without what a backbone has added.

    Args:
        lm: A subclass of a causal language model of `transformers`; it is left as it is.
        folder: Where to write.
    """
    make_folder(folder)
    with torch.device("meta"):
        plain = AutoModelForCausalLM.from_config(lm.config)  # type: ignore[no-untyped-call]
    tensors = plain_tensors(lm)
    wanted = {key: tensors[key].contiguous() for key in plain.state_dict()}
    with atomic_path(folder / "model.safetensors") as temporary:
        save_file(wanted, temporary, metadata={"format": "pt"})
    config = {**lm.config.to_dict(), "architectures": [type(plain).__name__]}
    type(lm.config).from_dict(config).to_json_file(folder / "config.json", use_diff=False)
    write_text(folder / "generation_config.json", lm.generation_config.to_json_string())


def plain_tensors(lm: nn.Module) -> dict[str, Tensor]:
    """The weights under the names that they have without adapters, adapters added to them."""
    tensors = {
        key.replace(".base_layer.", "."): tensor.detach()
        for key, tensor in lm.state_dict().items()
        if ".lora_" not in key
    }
    for name, module in lm.named_modules():
        if isinstance(module, LoraLayer) and not module.merged:
            weight = tensors[f"{name}.weight"]
            layer: Any = module  # each kind of layer has its own way to its delta
            deltas = [layer.get_delta_weight(adapter) for adapter in layer.active_adapters]
            tensors[f"{name}.weight"] = weight + torch.stack(deltas).sum(0).to(weight.dtype)
    return tensors
