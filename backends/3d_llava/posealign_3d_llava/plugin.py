"""What the 3D-LLaVA backbone registers: its name, what it can do, and where its parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags, CommandSpec
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = BackboneSpec(
    name="3d_llava",
    summary="3D-LLaVA: a sparse U-Net over points, superpoint tokens, LLaMA, masks from [SEG]",
    encoder="posealign_3d_llava.encode.encoder:LlavaEncoder",
    model="posealign_3d_llava.backbone:LlavaBackbone",
    config="posealign_3d_llava.config:LlavaConfig",
    presets="posealign_3d_llava.presets",
    trainer="posealign_3d_llava.training.trainer:LlavaTrainer",
    tags=BackboneTags(
        modes=frozenset(AlignMode),
        kinds=frozenset(TaskKind),
        consumes=frozenset({"points"}),
        produces=frozenset({"text", "masks", "objects"}),
        packs_questions=True,
    ),
)


@hookimpl
def posealign_register_backbones(register: Registrar[BackboneSpec]) -> None:
    """Announce the backbone."""
    register(SPEC)


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """Announce the verb `merge`."""
    register(
        CommandSpec(
            name="merge",
            summary="write a trained 3d_llava in its published layouts",
            factory="posealign_3d_llava.merge_command:command",
        )
    )
