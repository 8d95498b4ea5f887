"""What training starts from: a detector, and BERT's word vectors (sections 3.2 and 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.errors import CheckpointMismatchError
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file, read_folder
from posealign_ll3da.model.keys import OPTIONAL_KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from posealign_core.backbone import LoadReport
    from posealign_ll3da.model.captioner import Captioner
    from posealign_ll3da.model.network import Ll3daNetwork

__all__ = ["load_bert", "load_detector"]

_DETECTOR = "detector."
_BERT_NAMES = {
    "word_embeddings.weight": "word_embeddings.weight",
    "position_embeddings.weight": "position_embeddings.weight",
    "LayerNorm.weight": "layernorm.weight",
    "LayerNorm.bias": "layernorm.bias",
    "LayerNorm.gamma": "layernorm.weight",
    "LayerNorm.beta": "layernorm.bias",
    "layernorm.weight": "layernorm.weight",
    "layernorm.bias": "layernorm.bias",
}
_BERT_PREFIXES = ("bert.embeddings.", "embeddings.")


def load_detector(network: Ll3daNetwork, path: Path) -> None:
    """Fill the detector from a file of it alone, or from a whole checkpoint.

    Raises:
        CheckpointMismatchError: Something is missing, or of another shape.
        DataError: The file is missing or damaged.
    """
    stored = ((key.removeprefix("module."), tensor) for key, tensor in read_file(path))
    mine = {k: t for k, t in network.state_dict().items() if k.startswith(_DETECTOR)}
    report = fill(mine, ((k, t) for k, t in stored if k.startswith(_DETECTOR)))
    _require(report, path, "the detector", optional=OPTIONAL_KEYS)


def load_bert(captioner: Captioner, folder: Path) -> None:
    """Fill the Q-Former's word vectors, positions and first norm from BERT.

    Raises:
        CheckpointMismatchError: One of them is missing, or of another shape.
        DataError: The folder holds no weights.
    """
    wanted = captioner.qformer.embeddings.state_dict()
    report = fill(wanted, (entry for entry in map(_bert_entry, read_folder(folder)) if entry))
    _require(report, folder, "BERT's embeddings", optional=frozenset({"position_ids"}))


def _bert_entry(entry: tuple[str, Tensor]) -> tuple[str, Tensor] | None:
    key, tensor = entry
    for prefix in _BERT_PREFIXES:
        name = _BERT_NAMES.get(key.removeprefix(prefix)) if key.startswith(prefix) else None
        if name is not None:
            return name, tensor
    return None


def _require(report: LoadReport, path: Path, what: str, *, optional: frozenset[str]) -> None:
    """Refuse what is not whole; entries that the network has no use for are none of its faults."""
    faults = [f"missing {key}" for key in report.missing if key not in optional]
    faults += [f"{key}: file has {a}, model has {b}" for key, a, b in report.reshaped]
    if faults:
        raise CheckpointMismatchError(
            f"{path}: wanted {what}, found {len(faults)} fault(s): {'; '.join(faults[:8])}"
        )
