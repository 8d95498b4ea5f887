"""What the core itself registers, through the same hooks as everybody else.

Tables of names and summaries; every implementation is imported only when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BenchmarkSpec, CommandSpec, DatasetSpec, SelectorSpec

if TYPE_CHECKING:
    import torch

    from posealign_core.registry import Registrar
    from posealign_core.structures import AlignedSample, EgoPose

_COMMANDS = {
    "list": "components of one kind",
    "plugins": "installed plugins, their hooks, and why one failed to load",
}

_DATASETS: dict[str, tuple[str, str]] = {}
"""Name to summary and `"module:attr"`."""

_BENCHMARKS: tuple[BenchmarkSpec, ...] = ()

_SELECTORS: dict[str, tuple[str, str]] = {}


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """The core's verbs: `posealign_core/cli/<verb>.py`, each with an attribute `command`."""
    for name, summary in _COMMANDS.items():
        factory = f"posealign_core.cli.{name.replace('-', '_')}:command"
        register(CommandSpec(name=name, summary=summary, factory=factory))


@hookimpl
def posealign_register_datasets(register: Registrar[DatasetSpec]) -> None:
    """The core's readers of scans."""
    for name, (summary, factory) in _DATASETS.items():
        register(DatasetSpec(name=name, summary=summary, factory=factory))


@hookimpl
def posealign_register_benchmarks(register: Registrar[BenchmarkSpec]) -> None:
    """The core's readers of queries."""
    for spec in _BENCHMARKS:
        register(spec)


@hookimpl
def posealign_register_selectors(register: Registrar[SelectorSpec]) -> None:
    """The core's rules for choosing a frame."""
    for name, (summary, factory) in _SELECTORS.items():
        register(SelectorSpec(name=name, summary=summary, factory=factory))


@hookimpl(trylast=True)
def posealign_transform(sample: AlignedSample, pose: EgoPose) -> AlignedSample:
    """Move the scene into the ego frame, for every backbone that has no rule of its own."""
    from posealign_core.align.transform import transform_sample

    return transform_sample(sample, pose)


@hookimpl(trylast=True)
def posealign_prompt(sample: AlignedSample) -> AlignedSample:
    """Add the core's wording of the pose."""
    from posealign_core.align.prompt import prompt_sample

    return prompt_sample(sample)


@hookimpl(trylast=True)
def posealign_embed(coords: torch.Tensor, pose: EgoPose) -> torch.Tensor:
    """Compute the six features of the paper."""
    from posealign_core.align.embed import ego_features

    return ego_features(coords, pose)
