"""The plugin host: finds plugins, isolates broken ones, fills the registries."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from posealign_core import hookspecs
from posealign_core.errors import PluginLoadError, RegistrationError
from posealign_core.registry import Registrar
from posealign_core.specs import (
    API_VERSION,
    BackboneSpec,
    BenchmarkSpec,
    CommandSpec,
    DatasetSpec,
    EngineSpec,
    JudgeSpec,
    ProbeSpec,
    SelectorSpec,
    Spec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import torch

    from posealign_core.recover.selectors import Selector
    from posealign_core.structures import (
        AlignedSample,
        CameraTrajectory,
        EgoPose,
        Query,
        Scene,
        VisibilityTable,
    )

__all__ = ["PluginHost", "PluginInfo", "build_host"]

T = TypeVar("T")


@dataclass(frozen=True)
class PluginInfo:
    """One line of `posealign plugins`.

    Attributes:
        name: Entry-point or module name.
        distribution: Installed package that it came with, or `""`.
        version: Version of that package, or `""`.
        hooks: Hooks that it implements.
        error: Why it could not be loaded, or `""`.
    """

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    error: str = ""


class PluginHost:
    """Registries and pose hooks of one set of plugins. Build it with `build_host`.

    Attributes:
        failures: Plugins that could not be loaded, by name.
        backbones: Registered backbones; likewise the other registries.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self.failures: dict[str, BaseException] = {}
        self._info: dict[str, PluginInfo] = {}
        self.backbones = Registrar("backbone", BackboneSpec, self.failures)
        self.datasets = Registrar("dataset", DatasetSpec, self.failures)
        self.benchmarks = Registrar("benchmark", BenchmarkSpec, self.failures)
        self.selectors = Registrar("selector", SelectorSpec, self.failures)
        self.judges = Registrar("judge", JudgeSpec, self.failures)
        self.engines = Registrar("engine", EngineSpec, self.failures)
        self.probes = Registrar("probe", ProbeSpec, self.failures)
        self.commands = Registrar("command", CommandSpec, self.failures)

    @property
    def registries(self) -> dict[str, Registrar[Any]]:
        """All registries, by the plural that the command line uses."""
        return {
            "backbones": self.backbones,
            "datasets": self.datasets,
            "benchmarks": self.benchmarks,
            "selectors": self.selectors,
            "judges": self.judges,
            "engines": self.engines,
            "probes": self.probes,
            "commands": self.commands,
        }

    def plugins(self) -> list[PluginInfo]:
        """Every plugin, loaded or not."""
        return sorted(self._info.values(), key=lambda info: info.name)

    def recover_pose(
        self,
        *,
        query: Query,
        scene: Scene,
        trajectory: CameraTrajectory,
        visibility: VisibilityTable,
        selector: Selector,
        rng: np.random.Generator,
    ) -> EgoPose:
        """Call `posealign_recover_pose`."""
        pose: EgoPose | None = self._manager.hook.posealign_recover_pose(
            query=query,
            scene=scene,
            trajectory=trajectory,
            visibility=visibility,
            selector=selector,
            rng=rng,
        )
        return _answered(pose, "posealign_recover_pose")

    def transform(self, *, backbone: str, sample: AlignedSample, pose: EgoPose) -> AlignedSample:
        """Call `posealign_transform`."""
        out: AlignedSample | None = self._manager.hook.posealign_transform(
            backbone=backbone, sample=sample, pose=pose
        )
        return _answered(out, "posealign_transform")

    def prompt(self, *, backbone: str, sample: AlignedSample, pose: EgoPose) -> AlignedSample:
        """Call `posealign_prompt`."""
        out: AlignedSample | None = self._manager.hook.posealign_prompt(
            backbone=backbone, sample=sample, pose=pose
        )
        return _answered(out, "posealign_prompt")

    def embed(self, *, backbone: str, coords: torch.Tensor, pose: EgoPose) -> torch.Tensor:
        """Call `posealign_embed`."""
        out: torch.Tensor | None = self._manager.hook.posealign_embed(
            backbone=backbone, coords=coords, pose=pose
        )
        return _answered(out, "posealign_embed")

    def _add(self, plugin: object, name: str, distribution: str, version: str) -> None:
        """Register a plugin and let it announce its components; a failure is only recorded."""
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            for kind, registry in self.registries.items():
                announce = getattr(plugin, f"posealign_register_{kind}", None)
                if announce is not None:
                    registry.set_origin(name)
                    announce(registry)
            for spec in self.backbones:
                _check_api(spec)
        except Exception as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            for registry in self.registries.values():
                registry.withdraw(name)
            self._fail(name, distribution, version, error)
            return
        hooks = tuple(sorted(c.name for c in self._manager.get_hookcallers(plugin) or []))
        self._info[name] = PluginInfo(name, distribution, version, hooks)

    def _fail(self, name: str, distribution: str, version: str, error: BaseException) -> None:
        self.failures[name] = error
        message = f"{type(error).__name__}: {error}"
        self._info[name] = PluginInfo(name, distribution, version, (), message)


def _answered(result: T | None, hook: str) -> T:
    if result is None:
        raise PluginLoadError(
            f"{hook}: no plugin answered, not even the core's; build the host with build_host()"
        )
    return result


def _check_api(spec: Spec) -> None:
    if isinstance(spec, BackboneSpec) and spec.api_version != API_VERSION:
        raise RegistrationError(
            f"backbone {spec.name!r} is written for plugin API {spec.api_version}, this is "
            f"{API_VERSION}; install a matching version of its package"
        )


def _names(variable: str) -> list[str] | None:
    value = os.environ.get(variable)
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def build_host(
    *, plugins: Iterable[object] = (), entry_points: bool = True, strict: bool = False
) -> PluginHost:
    """Build a host: the core's defaults, then the given plugins, then installed ones.

    The environment variable `POSEALIGN_PLUGINS=a,b` loads exactly those entry points,
    `POSEALIGN_DISABLE_PLUGINS=c` leaves out that one.

    Args:
        plugins: Modules or objects with hook implementations.
        entry_points: Whether to load what is installed in the group `posealign`.
        strict: Raise the first failure instead of recording it.

    Raises:
        PluginLoadError: `strict`, and a plugin could not be loaded.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    host = PluginHost(manager)
    defaults = importlib.import_module("posealign_core.defaults")
    host._add(defaults, "posealign_core", "posealign", _version("posealign"))
    if "posealign_core" in host.failures:
        raise host.failures["posealign_core"]
    for plugin in plugins:
        host._add(plugin, getattr(plugin, "__name__", type(plugin).__name__), "", "")
    if entry_points:
        _load_entry_points(host)
    if strict and host.failures:
        name, error = next(iter(host.failures.items()))
        raise PluginLoadError(f"plugin {name!r} could not be loaded: {error}") from error
    for registry in host.registries.values():
        registry.freeze()
    return host


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _load_entry_points(host: PluginHost) -> None:
    allowed, blocked = _names("POSEALIGN_PLUGINS"), _names("POSEALIGN_DISABLE_PLUGINS") or []
    for entry in importlib.metadata.entry_points(group=hookspecs.PROJECT):
        if entry.name in blocked or (allowed is not None and entry.name not in allowed):
            continue
        distribution = entry.dist.name if entry.dist else ""
        version = entry.dist.version if entry.dist else ""
        try:
            plugin = entry.load()
        except Exception as error:
            host._fail(entry.name, distribution, version, error)
            continue
        host._add(plugin, entry.name, distribution, version)
