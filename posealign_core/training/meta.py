"""Where a checkpoint came from. Light: reading it imports neither torch nor transformers."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posealign_core import __version__
from posealign_core.atomic import write_text
from posealign_core.datasets.files import read_json
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["META_FILE", "CheckpointMeta", "differences", "is_checkpoint", "read_meta", "write_meta"]

SCHEMA_VERSION = 1
META_FILE = "meta.json"
"""Written last: a folder without it is no checkpoint."""
_HOUSEKEEPING = ("save_every_steps", "keep_checkpoints", "log_every_steps", "workers", "report_to")
"""Training settings that do not change the result."""


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "peft")
    return {"posealign": __version__, **{p: importlib.metadata.version(p) for p in packages}}


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """Where a checkpoint came from.

    Attributes:
        backbone: Registered name of the backbone.
        config: The backbone's own config, as plain values.
        settings: The training settings, as plain values.
        seed: The run's seed.
        step: Optimiser steps so far.
        base: Fingerprint of the frozen weights; set when a checkpoint is saved.
        versions: Packages that made it.
        schema_version: Version of this record.
    """

    backbone: str
    config: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    step: int = 0
    base: str = ""
    versions: Mapping[str, str] = field(default_factory=_versions)
    schema_version: int = SCHEMA_VERSION


def is_checkpoint(path: Path) -> bool:
    """Whether a folder holds a whole checkpoint."""
    return (path / META_FILE).is_file()


def write_meta(path: Path, meta: CheckpointMeta) -> None:
    """Write the record into a checkpoint's folder."""
    write_text(path / META_FILE, json.dumps(dataclasses.asdict(meta), indent=2) + "\n")


def read_meta(path: Path) -> CheckpointMeta:
    """Read the record of a checkpoint's folder.

    Raises:
        DataError: The folder holds no whole checkpoint, or one of another version.
    """
    if not is_checkpoint(path):
        raise DataError(
            f"{path}: wanted a checkpoint, found no {META_FILE}; was training interrupted?"
        )
    values = read_json(path / META_FILE)
    names = {f.name for f in dataclasses.fields(CheckpointMeta)}
    if not isinstance(values, dict) or set(values) != names:
        raise DataError(f"{path / META_FILE}: wanted the fields {', '.join(sorted(names))}")
    if values["schema_version"] != SCHEMA_VERSION:
        raise DataError(
            f"{path / META_FILE}: schema version {values['schema_version']}, this is "
            f"{SCHEMA_VERSION}; read it with the version of posealign that wrote it"
        )
    return CheckpointMeta(**values)


def differences(found: CheckpointMeta, wanted: CheckpointMeta) -> list[str]:
    """What in the recipes of two checkpoints leads to other weights, one line each."""
    theirs, ours = _recipe(found), _recipe(wanted)
    return [
        f"{name}: the checkpoints there were trained with {theirs.get(name)!r}, wanted {value!r}"
        for name, value in ours.items()
        if theirs.get(name) != value
    ]


def _recipe(meta: CheckpointMeta) -> dict[str, Any]:
    recipe = {"backbone": meta.backbone, "seed": meta.seed, "config": meta.config, **meta.settings}
    plain: dict[str, Any] = json.loads(json.dumps(recipe))
    return {name: value for name, value in plain.items() if name not in _HOUSEKEEPING}
