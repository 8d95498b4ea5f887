"""Whether the components that a configuration names exist, and take what it gives them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from posealign_core.config.backbone import load_backbone_config
from posealign_core.config.judge import JudgeConfig
from posealign_core.config.schema import (
    BackboneConfig,
    DatasetConfig,
    EngineConfig,
    EvaluateConfig,
    RunConfig,
    SelectorConfig,
)
from posealign_core.errors import ConfigError, PluginError
from posealign_core.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posealign_core.host import PluginHost

__all__ = ["component_faults"]


def component_faults(host: PluginHost, part: object) -> Iterator[str]:
    """What the plugins say about one finished part of a configuration, one line per fault.

    Args:
        host: Knows which components exist.
        part: Any of the dataclasses of `schema`.
    """
    if isinstance(part, DatasetConfig):
        yield from _unregistered(host.datasets, [part.name], "name")
        yield from _unregistered(host.benchmarks, part.benchmarks, "benchmarks")
    elif isinstance(part, EvaluateConfig):
        yield from _unregistered(host.benchmarks, part.benchmarks, "benchmarks")
    elif isinstance(part, JudgeConfig):
        yield from _unregistered(host.judges, [part.engine] if part.judges else [], "engine")
    elif isinstance(part, EngineConfig):
        yield from _unregistered(host.engines, [part.name], "name")
    elif isinstance(part, SelectorConfig):
        yield from _selector_faults(host, part)
    elif isinstance(part, BackboneConfig):
        yield from _backbone_faults(host, part)
    elif isinstance(part, RunConfig):
        yield from _mode_faults(host, part)
        if not part.eval_benchmarks:
            yield "dataset.benchmarks: wanted at least one, here or in evaluate.benchmarks"


def _unregistered(registry: Any, names: Sequence[str], key: str) -> Iterator[str]:
    for name in names:
        try:
            registry[name]
        except PluginError as error:
            yield f"{key}: {error}"


def _selector_faults(host: PluginHost, part: SelectorConfig) -> Iterator[str]:
    faults = list(_unregistered(host.selectors, [part.name], "name"))
    yield from faults
    if faults:
        return
    factory = resolve(host.selectors[part.name])
    known = inspect.signature(factory).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    unknown = [] if takes_any else sorted(part.parameters.keys() - known.keys())
    for name in unknown:
        takes = ", ".join(known) or "nothing"
        yield f"{name}: selector {part.name!r} takes no such parameter; it takes: {takes}"
    if unknown:
        return
    try:
        factory(**part.parameters)
    except ConfigError as error:
        yield from error.faults
    except (TypeError, ValueError) as error:
        yield f"selector {part.name!r}: {error}"


def _backbone_faults(host: PluginHost, part: BackboneConfig) -> Iterator[str]:
    faults = list(_unregistered(host.backbones, [part.name], "name"))
    yield from faults
    if faults:
        return
    try:
        load_backbone_config(host.backbones[part.name], part.preset, part.config)
    except ConfigError as error:
        yield from (f"config: {fault}" for fault in error.faults)
    except PluginError as error:
        yield f"name: {error}"


def _mode_faults(host: PluginHost, config: RunConfig) -> Iterator[str]:
    supported = host.backbones[config.backbone.name].tags.modes
    for mode in sorted(config.align.modes - supported):
        listed = ", ".join(sorted(m.value for m in supported)) or "none"
        yield (
            f"align.modes: backbone {config.backbone.name!r} does not support {mode.value!r}; "
            f"it supports: {listed}"
        )
