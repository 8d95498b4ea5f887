"""What the LL3DA backbone registers: its name, what it can do, and where its parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags, CommandSpec
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = BackboneSpec(
    name="ll3da",
    summary="LL3DA: a Vote2Cap-DETR detector, a Q-Former over its tokens and clicks, OPT",
    encoder="posealign_ll3da.encode.encoder:Ll3daEncoder",
    model="posealign_ll3da.backbone:Ll3daBackbone",
    config="posealign_ll3da.config:Ll3daConfig",
    presets="posealign_ll3da.presets",
    trainer="posealign_ll3da.training.trainer:Ll3daTrainer",
    tags=BackboneTags(
        modes=frozenset(AlignMode),
        kinds=frozenset(TaskKind),
        consumes=frozenset({"points"}),
        produces=frozenset({"text", "boxes", "objects"}),
        packs_questions=True,
    ),
)


@hookimpl
def posealign_register_backbones(register: Registrar[BackboneSpec]) -> None:
    """Announce the backbone."""
    register(SPEC)


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """Announce the verb `ll3da`."""
    register(
        CommandSpec(
            name="ll3da",
            summary="write a trained ll3da as a published checkpoint",
            factory="posealign_ll3da.command:command",
        )
    )
