"""The published layout: detector and captioner without the language model (section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from posealign_core.atomic import atomic_path, make_folder
from posealign_core.backbone import LoadReport
from posealign_core.errors import BackboneError, CheckpointMismatchError, DataError
from posealign_core.training.lora import fold_adapters, has_adapters
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file
from posealign_ll3da.model.keys import IGNORED_KEYS, LLM_PREFIX, OPTIONAL_KEYS, without_llm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from posealign_ll3da.model.network import Ll3daNetwork

__all__ = ["export_published", "export_whole", "load_published"]

_DETECTOR = "detector."


def load_published(network: Ll3daNetwork, path: Path) -> LoadReport:
    """Load a checkpoint: without a language model as published, or with one as ours are shipped.

    What the released code adds or leaves out without consequence is not reported.

    Args:
        network: A network without adapters.
        path: The file: `torch.save` or safetensors.

    Raises:
        CheckpointMismatchError: The file holds a detector alone.
        DataError: The file is missing or damaged.
        UnsafeFileError: The file asks for code.
    """
    if not path.is_file():
        raise DataError(f"{path}: wanted published weights, found no file there")
    entries = [*_plain(read_file(path))]
    if entries and all(key.startswith(_DETECTOR) for key, _ in entries):
        raise CheckpointMismatchError(
            f"{path}: holds a detector without a captioner; name it with "
            "backbone.config.detector_weights, as what training starts from"
        )
    state = network.state_dict()
    has_llm = any(key.startswith(LLM_PREFIX) for key, _ in entries)
    report = fill(state if has_llm else without_llm(state), entries)
    return LoadReport(
        loaded=report.loaded,
        missing=tuple(key for key in report.missing if key not in OPTIONAL_KEYS),
        unexpected=report.unexpected,
        reshaped=report.reshaped,
    )


def _plain(stored: Iterator[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Entries under the names of the network."""
    for key, tensor in stored:
        name = key.removeprefix("module.")
        if name not in IGNORED_KEYS:
            yield name, tensor


def export_published(network: Ll3daNetwork, path: Path) -> None:
    """Write detector and captioner in the published layout, which has no language model.

    Args:
        network: Without adapters.
        path: The `.pth` file.

    Raises:
        BackboneError: The language model has adapters, which would be lost.
    """
    if has_adapters(network):
        raise BackboneError(
            f"{path}: wanted a network whose language model is as it came, found one with "
            "adapters, which the published layout has no place for; write a .safetensors file"
        )
    make_folder(path.parent)
    state = {key: t.detach().cpu().clone() for key, t in without_llm(network.state_dict()).items()}
    with atomic_path(path) as temporary:
        torch.save({"model": state}, temporary)


def export_whole(network: Ll3daNetwork, path: Path) -> None:
    """Write everything, language model included, under the names of the published layout.

    Args:
        network: With or without adapters; they are folded in place.
        path: The `.safetensors` file.
    """
    fold_adapters(network)
    make_folder(path.parent)
    state = {
        key.replace(".base_layer.", "."): tensor.detach().cpu().clone()
        for key, tensor in network.state_dict().items()
        if ".lora_" not in key
    }
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
