"""LoRA runs as the authors publish them: adapters, and a file of what was trained whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig
from safetensors.torch import save_file

from posealign_3d_llava.checkpoints.config_file import published_config
from posealign_3d_llava.checkpoints.layout import (
    RUN_PREFIX,
    adapted_linears,
    non_lora_tensors,
    plain_run_keys,
)
from posealign_core.atomic import atomic_path, make_folder, write_text
from posealign_core.datasets.files import read_json
from posealign_core.errors import DataError
from posealign_core.training.lora import add_adapters, has_adapters
from posealign_core.weights.fill import fill, joined
from posealign_core.weights.tensors import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
    from posealign_core.backbone import LoadReport

__all__ = ["export_lora_run", "import_lora_run", "is_lora_run", "merge_lora_run"]

_CONFIG, _EXTRAS = "adapter_config.json", "non_lora_trainables.bin"
_ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")


def is_lora_run(path: Path) -> bool:
    """Whether a folder holds a LoRA run."""
    return (path / _CONFIG).is_file()


@torch.no_grad()
def merge_lora_run(llava: LlavaLlamaForCausalLM, folder: Path) -> LoadReport:
    """Load a run into a model without adapters: W becomes W + alpha / r * B A.

    Raises:
        DataError: A file is missing or damaged.
    """
    linears, config = adapted_linears(llava), read_json(folder / _CONFIG)
    rank, scale = int(config["r"]), config["lora_alpha"] / config["r"]
    halves = {
        f"{name}.lora_{half}.weight": linear.weight.new_empty(shape)
        for name, linear in linears.items()
        for half, shape in (
            ("A", (rank, linear.in_features)),
            ("B", (linear.out_features, rank)),
        )
    }
    report = joined(
        fill(halves, plain_run_keys(read_file(_adapter_file(folder)))),
        fill(non_lora_tensors(llava), plain_run_keys(read_file(folder / _EXTRAS))),
    )
    for name, linear in linears.items():
        a, b = f"{name}.lora_A.weight", f"{name}.lora_B.weight"
        if not {a, b} & {*report.missing, *(key for key, _, _ in report.reshaped)}:
            linear.weight += scale * (halves[b] @ halves[a])
    return report


def import_lora_run(backbone: LlavaBackbone, folder: Path) -> LoadReport:
    """Load a run with its adapters left apart, to be trained on or written again.

    Raises:
        DataError: A file is missing or damaged.
    """
    if not has_adapters(backbone):
        add_adapters(backbone, LoraConfig.from_pretrained(str(folder)))
    return joined(
        fill(_adapters(backbone), plain_run_keys(read_file(_adapter_file(folder)))),
        fill(non_lora_tensors(backbone.lm), plain_run_keys(read_file(folder / _EXTRAS))),
    )


def export_lora_run(backbone: LlavaBackbone, folder: Path) -> None:
    """Write a backbone with adapters as a run in the published layout.

    Raises:
        DataError: The backbone has no adapters.
    """
    if not has_adapters(backbone):
        raise DataError(f"{folder}: wanted a backbone with LoRA adapters to export, found none")
    make_folder(folder)
    adapters = {RUN_PREFIX + key: t.contiguous() for key, t in _adapters(backbone).items()}
    with atomic_path(folder / _ADAPTERS[0]) as temporary:
        save_file(adapters, temporary, metadata={"format": "pt"})
    extras = {RUN_PREFIX + key: t.clone() for key, t in non_lora_tensors(backbone.lm).items()}
    with atomic_path(folder / _EXTRAS) as temporary:
        torch.save(extras, temporary)
    backbone.peft_config["default"].save_pretrained(str(folder))  # type: ignore[index,union-attr]
    write_text(folder / "config.json", json.dumps(published_config(backbone), indent=2) + "\n")
    backbone.tokenizer.save_pretrained(str(folder))


def _adapters(backbone: LlavaBackbone) -> dict[str, Tensor]:
    """Adapter weights under the names of the network."""
    return {
        name.replace(".default.", "."): parameter.detach()
        for name, parameter in backbone.lm.named_parameters()
        if ".lora_" in name
    }


def _adapter_file(folder: Path) -> Path:
    found = [folder / name for name in _ADAPTERS if (folder / name).is_file()]
    if not found:
        raise DataError(f"{folder}: wanted {' or '.join(_ADAPTERS)}, found neither")
    return found[0]
