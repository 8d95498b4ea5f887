"""What the LL3DA-SONATA backbone registers: its name, what it can do, and where its parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import BackboneSpec, BackboneTags
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = BackboneSpec(
    name="ll3da_sonata",
    summary="LL3DA's Q-Former and OPT over a frozen Sonata encoder, a Point Transformer V3",
    encoder="posealign_ll3da_sonata.encode.encoder:SonataEncoder",
    model="posealign_ll3da_sonata.backbone:SonataBackbone",
    config="posealign_ll3da_sonata.config:SonataConfig",
    presets="posealign_ll3da_sonata.presets",
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
