"""Toy samples of the core, aligned for the backbone, and its tiny configuration made smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.align import align_sample
from posealign_core.config import load_backbone_config
from posealign_core.host import PluginHost, build_host
from posealign_core.structures import AlignedSample, AlignSettings, Query, Scene
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_ll3da_sonata.plugin import SPEC

if TYPE_CHECKING:
    from posealign_ll3da_sonata.config import SonataConfig
    from posealign_ll3da_sonata.encode.encoder import SonataEncoder

HOST: PluginHost = build_host(entry_points=False)


def tiny(**overrides: Any) -> SonataConfig:
    small = {"pretrained": False, "cloud.n_points": 512, "tokens.n_tokens": 32}
    small |= {"location_tokens": 4}
    config: SonataConfig = load_backbone_config(SPEC, "tiny", {**small, **overrides})
    return config


def query_of(kind: TaskKind) -> Query:
    return next(query for query in toy_queries() if query.kind is kind)


def sample_of(
    *modes: AlignMode,
    kind: TaskKind = TaskKind.ANSWER,
    query: Query | None = None,
    scene: Scene | None = None,
    heading: float = 0.3,
) -> AlignedSample:
    return align_sample(
        HOST,
        "ll3da_sonata",
        query_of(kind) if query is None else query,
        toy_scene() if scene is None else scene,
        pose_towards(heading),
        AlignSettings(modes=frozenset(modes)),
    )


def batch_of(encoder: SonataEncoder, *samples: AlignedSample, train: bool = False):
    rng = np.random.default_rng(0)
    return encoder.collate([encoder.encode([s], train=train, rng=rng) for s in samples])
