"""What a registration owes: complete, light, true."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from posealign_core.backbone import Backbone, SampleEncoder
from posealign_core.config import backbone_presets, load_backbone_config
from posealign_core.errors import MissingDependencyError
from posealign_core.hookspecs import PROJECT
from posealign_core.host import build_host
from posealign_core.registry import resolve
from posealign_core.specs import API_VERSION
from posealign_core.testing.check import conformance_check, demand
from posealign_core.testing.compare import differences
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.specs import BackboneSpec
    from posealign_core.structures import Scene
    from posealign_core.testing.subject import Subject

HEAVY = ("torch", "numpy", "scipy", "numba", "transformers", "peft", "spconv", "vllm", "mmengine")
"""What a plugin's registration module must not import: listing plugins would pay for it."""

_PRODUCTS = {"text", "boxes", "masks", "objects"}


def _is_installed(spec: BackboneSpec) -> str:
    return "" if _plugin_module(spec) else "no installed plugin registers it"


def _has_requirements(spec: BackboneSpec) -> str:
    return "" if spec.requires else "requires no package beyond the core's"


@conformance_check()
def check_spec_is_complete(subject: Subject) -> None:
    """The spec has a summary, the current API version, and claims from the known vocabularies."""
    spec, tags = subject.spec, subject.spec.tags
    one_line = spec.summary.strip() and "\n" not in spec.summary
    demand(one_line, f"summary is {spec.summary!r}; wanted one line")
    demand(spec.api_version == API_VERSION, f"API version {spec.api_version}, not {API_VERSION}")
    demand(
        all(isinstance(mode, AlignMode) for mode in tags.modes),
        f"modes are {set(tags.modes)}; wanted members of AlignMode",
    )
    demand(
        tags.kinds and all(isinstance(kind, TaskKind) for kind in tags.kinds),
        f"kinds are {set(tags.kinds)}; wanted at least one member of TaskKind",
    )
    unknown = tags.produces - _PRODUCTS
    demand(not unknown, f"produces {sorted(unknown)}; known are {sorted(_PRODUCTS)}")
    grounds = TaskKind.GROUND in tags.kinds
    demand(
        not grounds or tags.produces - {"text"},
        f"answers {TaskKind.GROUND.value!r} queries, but produces only text",
    )


@conformance_check(only_if=_is_installed)
def check_plugin_import_is_light(subject: Subject) -> None:
    """In a fresh interpreter, importing the plugin module imports no heavy package."""
    module = _plugin_module(subject.spec)
    found = _fresh_interpreter(
        f"import {module}, sys; print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    )
    demand(not found, f"importing {module} imports {found}; import them where they are used")


@conformance_check()
def check_factories_resolve(subject: Subject) -> None:
    """Every `module:attr` exists; encoder and model are of the contract's types."""
    spec = subject.spec
    for attribute in spec.targets():
        demand(callable(resolve(spec, attribute)), f"{attribute} cannot be called")
    config = resolve(spec, "config")
    frozen = dataclasses.is_dataclass(config) and config.__dataclass_params__.frozen  # type: ignore[attr-defined]
    demand(frozen, f"config is {config!r}; wanted a frozen dataclass")
    encoder, model = subject.encoder, subject.model()
    demand(isinstance(encoder, SampleEncoder), f"encoder builds a {type(encoder).__name__}")
    demand(isinstance(model, Backbone), f"model builds a {type(model).__name__}")


@conformance_check()
def check_registers_twice(subject: Subject) -> None:
    """A second host in one process, as data-loader workers make it, knows the same spec."""
    hosts = _fresh_interpreter(
        "from posealign_core.host import build_host; hosts = build_host(), build_host(); "
        "print(json.dumps([{s.name: repr(s) for s in host.backbones} for host in hosts]))"
    )
    first, second = (host.get(subject.spec.name) for host in hosts)
    demand(first == second, f"the first host knows {first}, a second one in its process {second}")


@conformance_check()
def check_presets_validate(subject: Subject) -> None:
    """There is a `tiny` preset, and every preset loads strictly."""
    presets = backbone_presets(subject.spec)
    demand("tiny" in presets, f"presets are {presets}; wanted 'tiny' among them")
    for preset in presets:
        load_backbone_config(subject.spec, preset, {})


@conformance_check(only_if=_has_requirements)
def check_missing_dependency_message(subject: Subject) -> None:
    """Without a required package, the error names the package and how to install it."""
    find_spec = importlib.util.find_spec
    for requirement in subject.spec.requires:
        hidden = requirement.module

        def without(name: str, *args: object, hidden: str = hidden) -> object:
            return None if name == hidden else find_spec(name, *args)  # type: ignore[arg-type]

        message = ""
        with mock.patch.object(importlib.util, "find_spec", without):
            try:
                resolve(subject.spec, "model")
            except MissingDependencyError as error:
                message = str(error)
        told = hidden in message and requirement.install.strip() and requirement.install in message
        demand(told, f"without {hidden!r} the error says {message!r}, not how to install it")


@conformance_check()
def check_consumes_what_it_claims(subject: Subject) -> None:
    """Points and object tables change the input if, and only if, the tags say so."""
    plain = subject.encode(subject.sample())
    scene = toy_scene()
    for part, other in _without(scene).items():
        found = differences(plain, subject.encode(subject.sample(scene=other)))
        claimed = part in subject.spec.tags.consumes
        demand(
            bool(found) == claimed,
            f"other {part} {'change' if found else 'do not change'} the input, and consumes is "
            f"{sorted(subject.spec.tags.consumes)}",
        )


@functools.cache
def _fresh_interpreter(code: str) -> Any:
    """Run code that prints JSON in a new process with this one's import path."""
    setup = f"import json, sys; sys.path[:] = json.loads({json.dumps(sys.path)!r}); "
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", setup + code], capture_output=True, text=True, check=False
    )
    demand(done.returncode == 0, f"in a fresh interpreter, {code!r} fails: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _without(scene: Scene) -> dict[str, Scene]:
    """The scene with its points, or its object table, exchanged for something else."""
    turned = scene.points[::-1]
    inverted = None if scene.colors is None else np.subtract(255, scene.colors)
    return {
        "points": dataclasses.replace(scene, points=turned, colors=inverted),
        "objects": dataclasses.replace(scene, objects=toy_scene(n_objects=2).objects),
    }


@functools.cache
def _plugin_module(spec: BackboneSpec) -> str:
    """Name of the installed plugin module that registers the spec, or `""`."""
    host = build_host()
    if spec.name not in host.backbones:
        return ""
    origin = host.backbones.origin(spec.name)
    entries = importlib.metadata.entry_points(group=PROJECT, name=origin)
    return next((entry.value for entry in entries), "")
