"""What the template backbone registers: its name, what it can do, and where its parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = BackboneSpec(
    name="template",
    summary="a tiny language model over object tokens; the tutorial's and the demo's backbone",
    encoder="posealign_template.encoder:TemplateEncoder",
    model="posealign_template.model:TemplateBackbone",
    config="posealign_template.config:TemplateConfig",
    presets="posealign_template.presets",
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
