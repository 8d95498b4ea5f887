"""Toy samples of the core, aligned for the backbone, and its tiny configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.plugin import SPEC
from posealign_core.align import align_sample
from posealign_core.config import load_backbone_config
from posealign_core.host import PluginHost, build_host
from posealign_core.structures import AlignedSample, AlignSettings, EgoPose, Query, Scene
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_core.vocabulary import AlignMode, EgoFrame, Fidelity, TaskKind

if TYPE_CHECKING:
    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_core.backbone import Features

HOST: PluginHost = build_host(entry_points=False)
SMALL = {
    "pretrained": False,
    "llm": {"width": 32, "n_layers": 2, "n_heads": 2, "mlp_width": 48, "max_length": 400},
    "network": {"n_slots": 6, "n_waves": 8},
}


def tiny(**overrides: Any) -> ChatSceneConfig:
    """A model of a few thousand parameters."""
    merged = {**SMALL, **overrides}
    for part in ("llm", "network"):
        merged[part] = {**SMALL[part], **overrides.get(part, {})}
    config: ChatSceneConfig = load_backbone_config(SPEC, "tiny", merged)
    return config


def query_of(kind: TaskKind) -> Query:
    return next(query for query in toy_queries() if query.kind is kind)


def sample_of(
    *modes: AlignMode,
    kind: TaskKind = TaskKind.ANSWER,
    query: Query | None = None,
    scene: Scene | None = None,
    pose: EgoPose | None = None,
    ego_frame: EgoFrame = EgoFrame.CAMERA,
    fidelity: Fidelity = Fidelity.CORRECT,
) -> AlignedSample:
    return align_sample(
        HOST,
        "chat_scene",
        query_of(kind) if query is None else query,
        toy_scene() if scene is None else scene,
        pose_towards(0.3) if pose is None else pose,
        AlignSettings(modes=frozenset(modes), ego_frame=ego_frame, fidelity=fidelity),
    )


def encoded(
    *samples: AlignedSample,
    config: ChatSceneConfig | None = None,
    train: bool = False,
    seed: int = 0,
) -> Features:
    encoder = ChatSceneEncoder(config or tiny())
    return encoder.encode(samples, train=train, rng=np.random.default_rng(seed))
