"""Published encoders: read without running anything, and loaded whole or not at all (section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from posealign_core.datasets.safe_load import load_torch
from posealign_core.errors import CheckpointMismatchError, ConfigError, DataError
from posealign_ll3da_sonata.ptv3.config import BASE, SMALL, EncoderConfig
from posealign_ll3da_sonata.ptv3.encoder import PointTransformer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from posealign_ll3da_sonata.ptv3.config import EncoderOptions

__all__ = ["config_of_keywords", "load_encoder"]

_FIELD_OF_KEYWORD = {
    "in_channels": "in_channels",
    "order": "curves",
    "stride": "strides",
    "enc_depths": "depths",
    "enc_channels": "channels",
    "enc_num_head": "n_heads",
    "enc_patch_size": "patch_sizes",
    "mlp_ratio": "mlp_ratio",
    "qkv_bias": "qkv_bias",
    "qk_scale": "qk_scale",
    "attn_drop": "attention_dropout",
    "proj_drop": "projection_dropout",
    "drop_path": "drop_path",
    "mask_token": "mask_token",
}
# What a file that leaves a keyword out means by that, where our default differs.
_RELEASED_DEFAULTS: dict[str, Any] = {
    "in_channels": 6,
    "order": ("z", "z-trans"),
    "mask_token": False,
}
_REQUIRED = {"layer_scale": None, "pre_norm": True, "enable_rpe": False, "enc_mode": True}
_WITHOUT_EFFECT = {
    *(f"dec_{part}" for part in ("depths", "channels", "num_head", "patch_size")),
    *("shuffle_orders", "enable_flash", "upcast_attention", "upcast_softmax"),
    *("traceable", "freeze_encoder"),
}
_PREFIXES = {"student": "student.backbone.", "teacher": "teacher.backbone."}


def config_of_keywords(keywords: Mapping[str, Any], *, source: str = "config") -> EncoderConfig:
    """Sizes out of the constructor keywords that a published file holds (section 2.2).

    Decoder sizes and choices of arithmetic have no part in them and are passed over.

    Args:
        keywords: As in the file's `config`.
        source: What errors name.

    Raises:
        ConfigError: A keyword is unknown, or asks for a network of another kind.
    """
    known = {*_FIELD_OF_KEYWORD, *_REQUIRED, *_WITHOUT_EFFECT}
    faults = [f"unknown keyword {key!r}; known are {sorted(known)}" for key in {*keywords} - known]
    found = {"enc_mode": False, **keywords}
    faults += [
        f"wanted {key}: {wanted}, as all published encoders have, found {found[key]!r}"
        for key, wanted in _REQUIRED.items()
        if found.get(key, wanted) != wanted
    ]
    if faults:
        raise ConfigError(sorted(faults), source=source)
    values = {**_RELEASED_DEFAULTS, **keywords}
    if isinstance(values["order"], str):
        values["order"] = [values["order"]]
    fields: dict[str, Any] = {
        field: tuple(values[key]) if isinstance(values[key], list | tuple) else values[key]
        for key, field in _FIELD_OF_KEYWORD.items()
        if key in values
    }
    return EncoderConfig(**fields)


def load_encoder(
    path: Path,
    *,
    config: EncoderConfig | None = None,
    options: EncoderOptions | None = None,
    network: str = "student",
) -> PointTransformer:
    """Load a published encoder for inference: in evaluation mode, without gradients.

    Args:
        path: The `.pth` file: `{config, state_dict}` as Sonata publishes it, or a training state of
            Pointcept.
        config: Sizes; None takes those in the file, or else the published ones that fit its keys.
        options: Arithmetic.
        network: Which one of a training state: `student` or `teacher`.

    Raises:
        CheckpointMismatchError: Keys or shapes are not those of the sizes.
        ConfigError: The file's own sizes are not understood.
        DataError: The file is missing, damaged or holds no weights.
        UnsafeFileError: The file asks for code.
    """
    content = load_torch(path)
    state = _state_of(content, path, network)
    if config is None:
        keywords = content.get("config")
        if isinstance(keywords, dict):
            config = config_of_keywords(keywords, source=f"{path}: config")
        else:
            config = _fitting_config(state, path)
    with torch.device("meta"):
        encoder = PointTransformer(config, options)
    _require_same(_shapes(encoder.state_dict()), _shapes(state), path)
    encoder.load_state_dict(state, assign=True)
    return encoder.eval().requires_grad_(False)


def _state_of(content: Any, path: Path, network: str) -> dict[str, Tensor]:
    """The encoder's tensors under their own names."""
    if network not in _PREFIXES:
        raise ConfigError(
            [f"wanted one of {sorted(_PREFIXES)}, found {network!r}"], source="network"
        )
    stored = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(stored, dict) or not all(torch.is_tensor(t) for t in stored.values()):
        raise DataError(f"{path}: wanted a state_dict of tensors, found none; name the .pth file")
    plain = {str(key).removeprefix("module."): tensor for key, tensor in stored.items()}
    if not any(key.startswith(tuple(_PREFIXES.values())) for key in plain):
        return plain
    prefix = _PREFIXES[network]
    return {key.removeprefix(prefix): t for key, t in plain.items() if key.startswith(prefix)}


def _fitting_config(state: Mapping[str, Tensor], path: Path) -> EncoderConfig:
    for config in (BASE, SMALL):
        with torch.device("meta"):
            wanted = PointTransformer(config).state_dict()
        if _shapes(wanted) == _shapes(state):
            return config
    raise CheckpointMismatchError(
        f"{path}: has no config, and its {len(state)} tensors are neither those of the base nor "
        "those of the small encoder; give its sizes"
    )


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def _require_same(
    wanted: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]], path: Path
) -> None:
    missing, unexpected = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    reshaped = [key for key in wanted.keys() & found if wanted[key] != found[key]]
    if missing or unexpected or reshaped:
        shapes = [f"{key} {found[key]} for {wanted[key]}" for key in sorted(reshaped)[:3]]
        raise CheckpointMismatchError(
            f"{path}: wanted the {len(wanted)} tensors of the encoder, found {len(missing)} "
            f"missing {missing[:3]}, {len(unexpected)} unexpected {unexpected[:3]} and "
            f"{len(reshaped)} of another shape {shapes}; is it another model?"
        )
