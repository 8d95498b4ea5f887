"""The frozen records by which plugins announce what they offer.

Every implementation is named by a `"module:attr"` string, so that announcing, listing and printing
never import it (nor torch). `registry.resolve` turns the string into the object when it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posealign_core.errors import RegistrationError

if TYPE_CHECKING:
    from posealign_core.vocabulary import AlignMode, TaskKind

__all__ = [
    "API_VERSION",
    "BackboneSpec",
    "BackboneTags",
    "BenchmarkSpec",
    "CommandSpec",
    "DatasetSpec",
    "EngineSpec",
    "JudgeSpec",
    "ProbeSpec",
    "Requirement",
    "SelectorSpec",
    "Spec",
]

API_VERSION = 1
"""Rises only when an existing plugin would misbehave."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A package that an implementation needs beyond the core's own.

    Attributes:
        module: Import name, `"vllm"`.
        install: What the user types to get it, `"pip install 'posealign[judge]'"`.
    """

    module: str
    install: str


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all specs have.

    Attributes:
        name: Lower-case name on the command line and in configurations.
        summary: One line for listings.
        requires: Packages that must be importable before the implementation is.

    Raises:
        RegistrationError: The name is malformed.
    """

    name: str
    summary: str
    requires: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise RegistrationError(
                f"{type(self).__name__}: wanted a name of lower-case letters, digits, '-' and '_', "
                f"found {self.name!r}"
            )
        for attribute, target in self.targets().items():
            if not _TARGET.fullmatch(target):
                raise RegistrationError(
                    f"{type(self).__name__} {self.name!r}: wanted {attribute} as 'module:attr', "
                    f"found {target!r}"
                )

    def targets(self) -> dict[str, str]:
        """The `"module:attr"` strings of this spec, by attribute."""
        return {}


@dataclass(frozen=True, kw_only=True)
class FactorySpec(Spec):
    """A spec with one implementation.

    Attributes:
        factory: `"module:attr"` of a callable that builds the component.
    """

    factory: str

    def targets(self) -> dict[str, str]:
        """The one target."""
        return {"factory": self.factory}


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(FactorySpec):
    """Scenes and trajectories on disk: `factory(root: Path) -> datasets.Dataset`."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkSpec(FactorySpec):
    """Queries from annotation files: `factory(root: Path) -> benchmarks.Benchmark`.

    Attributes:
        kind: What kind of answer its queries want.
        version: Rises when the same predictions would score differently.
    """

    kind: TaskKind
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class SelectorSpec(FactorySpec):
    """A rule that chooses a frame: `factory(**parameters) -> recover.Selector`."""


@dataclass(frozen=True, kw_only=True)
class JudgeSpec(FactorySpec):
    """An engine that grades answers: `factory(**parameters) -> judge.Judge`."""


@dataclass(frozen=True, kw_only=True)
class EngineSpec(FactorySpec):
    """What generates from embeddings: `factory(**parameters) -> language.GenerationEngine`."""


@dataclass(frozen=True, kw_only=True)
class ProbeSpec(FactorySpec):
    """A probe of finished runs: `factory() -> evaluation.probes.Probe`.

    Attributes:
        backbone: The only backbone whose runs it is for; `""` for all.
    """

    backbone: str = ""


@dataclass(frozen=True, kw_only=True)
class CommandSpec(FactorySpec):
    """A verb of the command line: `factory() -> cli.Command`."""


@dataclass(frozen=True, kw_only=True)
class BackboneTags:
    """What a backbone claims; every claim has a conformance check.

    Attributes:
        modes: Alignment modes that it supports.
        kinds: Kinds of answer that it can give.
        consumes: What it reads of a scene.
        produces: What its answers are made of.
        packs_questions: Whether training may put several questions about one scene and pose into
            one sequence.
        deterministic: Same seed, same greedy output.
        batch_invariant: Batching does not change an answer.
    """

    modes: frozenset[AlignMode]
    kinds: frozenset[TaskKind]
    consumes: frozenset[str] = frozenset({"points"})
    produces: frozenset[str] = frozenset({"text"})
    packs_questions: bool = False
    deterministic: bool = True
    batch_invariant: bool = True


@dataclass(frozen=True, kw_only=True)
class BackboneSpec(Spec):
    """A 3-D LMM.

    Attributes:
        encoder: `"module:attr"` of `(config) -> backbone.SampleEncoder`.
        model: `"module:attr"` of `(config) -> backbone.Backbone`.
        config: `"module:attr"` of the frozen dataclass that both take.
        trainer: `"module:attr"` of the LoRA trainer class.
        evaluator: `"module:attr"` of the evaluator class.
        presets: Package that holds `<preset>.yaml` (must contain `tiny`) and `runs/<name>.yaml`;
            `posealign_core.config` says what is in them.
        tags: What it can do.
        api_version: Version of the plugin contract it was written for.
    """

    encoder: str
    model: str
    config: str
    presets: str
    tags: BackboneTags
    trainer: str = "posealign_core.training.lora_trainer:LoraTrainer"
    evaluator: str = "posealign_core.evaluation.evaluator:Evaluator"
    api_version: int = field(default=API_VERSION)

    def targets(self) -> dict[str, str]:
        """All implementations, by attribute."""
        return {
            "encoder": self.encoder,
            "model": self.model,
            "config": self.config,
            "trainer": self.trainer,
            "evaluator": self.evaluator,
        }
