"""What the Chat-Scene backbone registers: its name, what it can do, and where its parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags, BenchmarkSpec, CommandSpec
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = BackboneSpec(
    name="chat_scene",
    summary="Chat-Scene: objects with identifiers, 3-D and 2-D features of each, Vicuna-7B",
    encoder="posealign_chat_scene.encode.encoder:ChatSceneEncoder",
    model="posealign_chat_scene.backbone:ChatSceneBackbone",
    config="posealign_chat_scene.config:ChatSceneConfig",
    presets="posealign_chat_scene.presets",
    trainer="posealign_chat_scene.training.trainer:ChatSceneTrainer",
    tags=BackboneTags(
        modes=frozenset(AlignMode),
        kinds=frozenset(TaskKind),
        consumes=frozenset({"objects", "points"}),
        produces=frozenset({"text", "boxes", "objects"}),
        packs_questions=True,
    ),
)


@hookimpl
def posealign_register_backbones(register: Registrar[BackboneSpec]) -> None:
    """Announce the backbone."""
    register(SPEC)


@hookimpl
def posealign_register_benchmarks(register: Registrar[BenchmarkSpec]) -> None:
    """Announce the training set of Chat-Scene that no benchmark of the core is."""
    register(
        BenchmarkSpec(
            name="obj_align",
            summary="say what each object is; Chat-Scene trains on it",
            factory="posealign_chat_scene.benchmarks.obj_align:ObjAlign",
            kind=TaskKind.CAPTION,
        )
    )


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """The verb `chat-scene`."""
    register(
        CommandSpec(
            name="chat-scene",
            summary="make the objects and features that Chat-Scene reads of each scan",
            factory="posealign_chat_scene.extraction.command:command",
        )
    )
