"""From a backbone's preset to its own config dataclass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posealign_core.config.convert import Converter
from posealign_core.config.files import flatten, read_layer
from posealign_core.config.merge import merge, nested
from posealign_core.config.presets import backbone_preset_path
from posealign_core.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_core.specs import BackboneSpec

__all__ = ["load_backbone_config"]


def load_backbone_config(
    spec: BackboneSpec, preset: str = "tiny", overrides: Mapping[str, Any] | None = None
) -> Any:
    """Build a backbone's config from one of its presets.

    Args:
        spec: The backbone.
        preset: Name of a YAML file in the package `spec.presets`.
        overrides: Values that win over the preset: nested, or with dotted keys
            (`{"llm.width": 64}`).

    Returns:
        The frozen dataclass that `spec.config` names.

    Raises:
        ConfigError: There is no such preset, or values do not fit; all faults are named.
        MissingDependencyError: A package that the backbone needs is absent.
    """
    layer = read_layer(backbone_preset_path(spec, preset), f"preset {spec.name}:{preset}")
    chosen = nested(overrides or {})
    origins = {**layer.origins, **dict.fromkeys(flatten(chosen), "override")}
    config_class: Any = resolve(spec, "config")
    converter = Converter(lambda key: origins.get(key, ""))
    return converter.build(
        config_class, merge(layer.values, chosen), source=f"backbone {spec.name!r}"
    )
