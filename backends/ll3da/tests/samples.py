"""Toy samples of the core, aligned for the backbone, and its tiny configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posealign_core.align import align_sample
from posealign_core.config import load_backbone_config
from posealign_core.host import PluginHost, build_host
from posealign_core.structures import AlignedSample, AlignSettings, Query, Scene
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind
from posealign_ll3da.plugin import SPEC

if TYPE_CHECKING:
    from posealign_ll3da.config import Ll3daConfig

HOST: PluginHost = build_host(entry_points=False)


def tiny(**overrides: Any) -> Ll3daConfig:
    small = {"pretrained": False, "cloud.n_points": 512, "detector.n_points": 64}
    small |= {"detector.n_tokens": 32, "detector.n_queries": 12}
    config: Ll3daConfig = load_backbone_config(SPEC, "tiny", {**small, **overrides})
    return config


def query_of(kind: TaskKind) -> Query:
    return next(query for query in toy_queries() if query.kind is kind)


def sample_of(
    *modes: AlignMode,
    kind: TaskKind = TaskKind.ANSWER,
    query: Query | None = None,
    scene: Scene | None = None,
    heading: float = 0.3,
    fidelity: Fidelity = Fidelity.CORRECT,
) -> AlignedSample:
    return align_sample(
        HOST,
        "ll3da",
        query_of(kind) if query is None else query,
        toy_scene() if scene is None else scene,
        pose_towards(heading),
        AlignSettings(modes=frozenset(modes), fidelity=fidelity),
    )
