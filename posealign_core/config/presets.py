"""Where presets are found: package data of the plugins."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError, PluginLoadError

if TYPE_CHECKING:
    from posealign_core.specs import BackboneSpec

__all__ = ["backbone_preset_path", "backbone_presets", "run_preset_path", "run_presets"]


def backbone_presets(spec: BackboneSpec) -> list[str]:
    """Names of the presets of a backbone's own config."""
    return sorted(path.stem for path in _folder(spec).glob("[!_]*.yaml"))


def run_presets(spec: BackboneSpec) -> list[str]:
    """Names of the run presets of a backbone, without the leading `backbone/`."""
    folder = _folder(spec) / "runs"
    paths = (path for path in folder.rglob("*.yaml") if not path.name.startswith("_"))
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in paths)


def backbone_preset_path(spec: BackboneSpec, preset: str) -> Path:
    """File of a backbone preset.

    Raises:
        ConfigError: There is none of that name.
    """
    _require(preset, backbone_presets(spec), f"preset of backbone {spec.name!r}")
    return _folder(spec) / f"{preset}.yaml"


def run_preset_path(spec: BackboneSpec, preset: str) -> Path:
    """File of a run preset.

    Raises:
        ConfigError: There is none of that name.
    """
    _require(preset, run_presets(spec), f"run preset of backbone {spec.name!r}")
    return _folder(spec) / "runs" / f"{preset}.yaml"


def _folder(spec: BackboneSpec) -> Path:
    found = importlib.util.find_spec(spec.presets)
    locations = [] if found is None else list(found.submodule_search_locations or [])
    if not locations:
        raise PluginLoadError(
            f"backbone {spec.name!r}: wanted a package of presets, found none named "
            f"{spec.presets!r}; reinstall its distribution"
        )
    return Path(locations[0])


def _require(name: str, known: list[str], what: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        available = ", ".join(known) or "none"
        raise ConfigError([f"no {what} is named {name!r}; {hint}available: {available}"])
