from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from posealign_core.align import align_sample
from posealign_core.host import PluginHost, build_host
from posealign_core.structures import AlignedSample, AlignSettings
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_template.config import TemplateConfig
from posealign_template.encoder import TemplateEncoder
from posealign_template.model import TemplateBackbone

if TYPE_CHECKING:
    from posealign_core.vocabulary import AlignMode

SMALL = TemplateConfig(
    width=32, n_layers=2, n_heads=2, mlp_width=64, n_slots=8, n_unknown=4, pretrained=False
)


@pytest.fixture(scope="session")
def host() -> PluginHost:
    return build_host(entry_points=False)


@pytest.fixture
def config() -> TemplateConfig:
    return SMALL


@pytest.fixture
def encoder() -> TemplateEncoder:
    return TemplateEncoder(SMALL)


@pytest.fixture
def backbone() -> TemplateBackbone:
    torch.manual_seed(0)
    return TemplateBackbone(SMALL).eval()


@pytest.fixture
def sample_of(host: PluginHost):
    """Builds the toy samples, one of each kind, in the given modes and seen along a heading."""

    def build(*modes: AlignMode, heading: float = 0.0, n_objects: int = 4) -> list[AlignedSample]:
        settings = AlignSettings(modes=frozenset(modes))
        scene, pose = toy_scene(n_objects=n_objects), pose_towards(heading)
        return [align_sample(host, "template", q, scene, pose, settings) for q in toy_queries()]

    return build


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
