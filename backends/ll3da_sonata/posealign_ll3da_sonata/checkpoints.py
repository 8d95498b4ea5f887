"""Weights on disk: what is trained, with or without what is frozen and public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.errors import DataError
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file
from posealign_ll3da.model.keys import LLM_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.backbone import LoadReport
    from posealign_ll3da_sonata.model.network import SonataNetwork

__all__ = ["load_published"]

ENCODER_PREFIX = "scene_encoder."


def load_published(network: SonataNetwork, path: Path) -> LoadReport:
    """Load a checkpoint by its own keys; encoder and language model may be missing from it as one.

    The weights of the paper's LL3DA-SONATA have not been seen: keys of another layout are reported
    as unexpected, and nothing is guessed.

    Args:
        network: A network without adapters.
        path: The file: `torch.save` or safetensors.

    Raises:
        DataError: The file is missing or damaged.
        UnsafeFileError: The file asks for code.
    """
    if not path.is_file():
        raise DataError(f"{path}: wanted published weights, found no file there")
    entries = [(key.removeprefix("module."), tensor) for key, tensor in read_file(path)]
    absent = tuple(
        prefix
        for prefix in (ENCODER_PREFIX, LLM_PREFIX)
        if not any(key.startswith(prefix) for key, _ in entries)
    )
    state = network.state_dict()
    return fill({key: t for key, t in state.items() if not key.startswith(absent)}, entries)
