"""What training leaves behind: adapters in peft's format, whole modules, and where they came from.

`adapter_model.safetensors` and `adapter_config.json` are peft's own, so that `PeftModel` reads
them; `extra_modules.safetensors` holds the fully trained modules and every buffer that is kept (the
statistics of a normalisation change in training even where its weights are frozen); `meta.json` is
written last: a folder without it is no checkpoint.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from posealign_core.atomic import atomic_path, make_folder
from posealign_core.backbone import LoadReport
from posealign_core.errors import CheckpointMismatchError, DataError
from posealign_core.training.lora import add_adapters, has_adapters, is_under
from posealign_core.training.meta import META_FILE, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from posealign_core.backbone import Backbone
    from posealign_core.training.meta import CheckpointMeta

__all__ = ["load_checkpoint", "save_checkpoint"]

_ADAPTERS, _EXTRAS = "adapter_model.safetensors", "extra_modules.safetensors"


def save_checkpoint(backbone: Backbone, path: Path, meta: CheckpointMeta) -> None:
    """Write the trained part of a backbone.

    Args:
        backbone: With or without adapters.
        path: Folder to write into; made where it is missing.
        meta: Where the weights come from.

    Raises:
        PoseAlignError: The folder cannot be written.
    """
    make_folder(path)
    (path / META_FILE).unlink(missing_ok=True)
    if has_adapters(backbone):
        _save_tensors(path / _ADAPTERS, _adapter_tensors(backbone))
        _adapter_config(backbone).save_pretrained(str(path))
    _save_tensors(path / _EXTRAS, _extra_tensors(backbone))
    write_meta(path, replace(meta, base=_fingerprint(backbone)))


def load_checkpoint(backbone: Backbone, path: Path) -> LoadReport:
    """Load what `save_checkpoint` wrote, adding the adapters where the backbone has none yet.

    Returns:
        How many tensors were taken over; it has no faults, since those are errors.

    Raises:
        CheckpointMismatchError: A key or a shape differs, or the frozen weights are not those that
            the checkpoint was trained on; the backbone's weights are unchanged.
        DataError: A file is missing or damaged.
    """
    if read_meta(path).base != _fingerprint(backbone):
        raise CheckpointMismatchError(
            f"{path}: was trained on other frozen weights than this {type(backbone).__name__} has; "
            "build it from the same preset, and load the same published weights first"
        )
    stored = _load_tensors(path / _EXTRAS)
    if (path / _ADAPTERS).is_file():
        stored |= _load_tensors(path / _ADAPTERS)
        if not has_adapters(backbone):
            add_adapters(backbone, LoraConfig.from_pretrained(str(path)))
    wanted = _extra_tensors(backbone) | _adapter_tensors(backbone)
    report = _compare(stored, wanted)
    report.require_exact(str(path))
    with torch.no_grad():
        for key, tensor in wanted.items():
            tensor.copy_(stored[key])
    return report


def _compare(stored: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> LoadReport:
    common = sorted(stored.keys() & wanted.keys())
    reshaped = [
        (key, tuple(stored[key].shape), tuple(wanted[key].shape))
        for key in common
        if stored[key].shape != wanted[key].shape
    ]
    return LoadReport(
        loaded=len(common) - len(reshaped),
        missing=tuple(sorted(wanted.keys() - stored.keys())),
        unexpected=tuple(sorted(stored.keys() - wanted.keys())),
        reshaped=tuple(reshaped),
    )


def _adapter_config(backbone: Backbone) -> LoraConfig:
    configs: dict[str, LoraConfig] = backbone.peft_config  # type: ignore[assignment]  # set by peft
    return configs["default"]


def _adapter_tensors(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Adapter weights under peft's keys, which leave out the adapter's name."""
    return {
        "base_model.model." + name.replace(".default.", "."): parameter.detach()
        for name, parameter in backbone.named_parameters()
        if ".lora_" in name
    }


def _extra_tensors(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Fully trained parameters and kept buffers; tied weights count once."""
    prefixes = backbone.trainable().full_modules
    trained = {
        id(parameter): (name, parameter.detach())
        for name, parameter in reversed([*backbone.named_parameters(remove_duplicate=False)])
        if is_under(name, prefixes)
    }
    kept = backbone.state_dict().keys()
    buffers = {name: buffer for name, buffer in backbone.named_buffers() if name in kept}
    return dict(trained.values()) | buffers


def _fingerprint(backbone: Backbone) -> str:
    """Hash of names, shapes and first values of the frozen parameters.

    A few values tell random or other weights apart without reading all of a large model; they are
    rounded to bfloat16, so that the precision in which a model is held does not matter.
    """
    prefixes = backbone.trainable().full_modules
    named = [*backbone.named_parameters(remove_duplicate=False)]
    trained = {id(p) for name, p in named if is_under(name, prefixes) or ".lora_" in name}
    digest = hashlib.sha256()
    for name, parameter in named:
        if id(parameter) not in trained:
            values = parameter.detach().flatten()[:16].to(torch.bfloat16).float().cpu().numpy()
            digest.update(f"{name.replace('.base_layer.', '.')} {tuple(parameter.shape)}".encode())
            digest.update(values.tobytes())
    return digest.hexdigest()


def _save_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    with atomic_path(path) as temporary:
        contiguous = {key: tensor.contiguous() for key, tensor in tensors.items()}
        save_file(contiguous, temporary, metadata={"format": "pt"})


def _load_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read ({error}); the checkpoint is damaged") from error
