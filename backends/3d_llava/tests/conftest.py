"""The specification's reference tower and scene (section 10): weights and input from formulas."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from posealign_3d_llava.model.cloud import PointCloud, PointCloudBatch
from posealign_3d_llava.model.config import TowerConfig
from posealign_3d_llava.model.tower import PointCloudTower

if TYPE_CHECKING:
    from collections.abc import Iterator


def anchor_weight(key: str, shape: torch.Size) -> torch.Tensor:
    """Section 10.1."""
    numel = int(np.prod(shape))
    u = np.random.RandomState(zlib.crc32(key.encode())).uniform(-1, 1, numel).reshape(shape)
    if key.endswith("running_mean"):
        value = 0.05 * u
    elif key.endswith("running_var"):
        value = 1 + 0.2 * u
    elif key.endswith("scale_factor"):
        value = 10 + u
    elif key.endswith("gen_tau.bias"):
        value = 1 + 0.5 * u
    elif key.endswith("bias"):
        value = 0.05 * u
    elif len(shape) == 1:
        value = 1 + 0.1 * u
    else:
        value = u * np.sqrt(3 * shape[0] / numel)
    return torch.from_numpy(value.astype(np.float32))


def fill_with_anchor_weights(tower: PointCloudTower) -> None:
    weights = {
        key: anchor_weight(key, value.shape)
        for key, value in tower.state_dict().items()
        if not key.startswith("alignment_proj.")
    }
    missing, unexpected = tower.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(key.startswith("alignment_proj.") for key in missing)


def anchor_arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Section 10.2: coords, colours, cells, superpoints."""
    random, n = np.random.RandomState(7), 900
    g = np.stack([random.randint(0, size, n) for size in (24, 20, 12)], axis=1)
    g[600:, 0] = random.randint(119, 131, 300)
    u = random.uniform(0, 1, (n, 3))
    coords = (0.02 * (g + u)).astype(np.float32)
    colors = random.uniform(-1, 1, (n, 3)).astype(np.float32)
    _, superpoints = np.unique(g // 6 @ [10000, 100, 1], return_inverse=True)
    return coords, colors, g, superpoints


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def anchor_cloud() -> PointCloud:
    return PointCloud.from_arrays(*anchor_arrays())


@pytest.fixture(scope="session")
def anchor_batch(anchor_cloud: PointCloud) -> PointCloudBatch:
    return PointCloudBatch.from_clouds([anchor_cloud])


@pytest.fixture(scope="session")
def _anchor_tower() -> PointCloudTower:
    tower = PointCloudTower(TowerConfig(n_tokens=20)).eval().requires_grad_(False)
    fill_with_anchor_weights(tower)
    return tower


@pytest.fixture
def anchor_tower(_anchor_tower: PointCloudTower) -> PointCloudTower:
    """The reference tower; a test that changes weights copies it first."""
    return _anchor_tower


@pytest.fixture
def tiny_config() -> TowerConfig:
    return TowerConfig(
        planes=(4, 6, 8), n_classes=5, n_semantic=7, width=16, n_heads=4, ffn_width=24,
        token_width=12, n_tokens=6, llm_width=32, seg_width=20,
    )  # fmt: skip
