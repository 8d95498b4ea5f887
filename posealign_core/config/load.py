"""From presets, files and command-line overrides to one checked `RunConfig`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from posealign_core.config.backbone import load_backbone_config
from posealign_core.config.components import component_faults
from posealign_core.config.convert import Converter, to_plain
from posealign_core.config.files import Layer, flatten, parse_value, read_layer
from posealign_core.config.merge import merge, nested
from posealign_core.config.presets import run_preset_path
from posealign_core.config.schema import RunConfig
from posealign_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from posealign_core.host import PluginHost

__all__ = ["ResolvedConfig", "load_run_config"]

DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class ResolvedConfig:
    """A configuration with all defaults filled in, and where each value came from.

    Attributes:
        config: The configuration.
        backbone: The backbone's own config dataclass.
        origins: Where each value was set, by dotted key.
        digest: Hash of everything that decides the answers; `output` and `judge` do not.
    """

    config: RunConfig
    backbone: Any
    origins: Mapping[str, str]
    digest: str

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.config.output.name}-{self.digest[:8]}"


def load_run_config(
    host: PluginHost,
    *,
    preset: str | None = None,
    files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> ResolvedConfig:
    """Resolve a configuration: defaults < preset < files in order < values < overrides.

    Args:
        host: Knows which components exist.
        preset: `backbone/run-preset`, `"template/demo/transform"`.
        files: YAML files.
        overrides: `"dotted.key=value"`, the value in YAML.
        values: Values that code sets, with dotted keys.

    Raises:
        ConfigError: Everything that is wrong, at once.
        UnknownComponentError: `preset` names no backbone.
    """
    layers = list(_layers(host, preset, files))
    layers.append(_layer(values or {}, "set by the program"))
    layers.append(_layer(_parsed(overrides), "-o"))
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        merged = merge(merged, layer.values)
        origins |= layer.origins

    converter = Converter(_origin_of(origins), check=lambda part: component_faults(host, part))
    config = converter.build(RunConfig, merged, source=_source(preset, files))
    spec = host.backbones[config.backbone.name]
    backbone = load_backbone_config(spec, config.backbone.preset, config.backbone.config)
    plain = to_plain(config)
    known = {key: origins.get(key, DEFAULT) for key in flatten(plain)}
    return ResolvedConfig(
        config=config, backbone=backbone, origins=known, digest=_digest(plain, backbone)
    )


def _layers(host: PluginHost, preset: str | None, files: Sequence[Path]) -> Iterator[Layer]:
    if preset is not None:
        backbone, _, name = preset.partition("/")
        path = run_preset_path(host.backbones[backbone], name)
        own = _layer({"backbone.name": backbone}, f"preset {preset}")
        yield own
        yield read_layer(path, f"preset {preset}")
    for file in files:
        yield read_layer(file)


def _layer(values: Mapping[str, Any], origin: str) -> Layer:
    plain = nested(values)
    return Layer(plain, dict.fromkeys(flatten(plain), origin))


def _parsed(overrides: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    faults = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not all(key.split(".")):
            faults.append(f"{text!r}: wanted dotted.key=value")
            continue
        try:
            values[key] = parse_value(value)
        except yaml.YAMLError:
            faults.append(f"{text!r}: the value is not YAML; quote it")
    if faults:
        raise ConfigError(faults, source="-o")
    return values


def _origin_of(origins: Mapping[str, str]) -> Callable[[str], str]:
    def origin(key: str) -> str:
        own = key.partition("[")[0]
        below = (where for name, where in origins.items() if name.startswith(f"{own}."))
        return origins.get(own) or next(below, "")

    return origin


def _source(preset: str | None, files: Sequence[Path]) -> str:
    names = ([f"preset {preset}"] if preset else []) + [str(file) for file in files]
    return ", ".join(names) or "configuration"


def _digest(plain: Mapping[str, Any], backbone: object) -> str:
    content = {key: value for key, value in plain.items() if key not in {"output", "judge"}}
    content["backbone_config"] = to_plain(backbone)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()
