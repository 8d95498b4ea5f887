"""Every number of section 10.3: equal weights and inputs give equal tensors."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from posealign_3d_llava.model.cloud import PointCloud, PointCloudBatch
from posealign_3d_llava.model.segmentation_loss import segmentation_loss
from posealign_core.nn.sparse_conv import PointwiseConv3d
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Callable

    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_3d_llava.model.selection import SceneTokens
    from posealign_3d_llava.model.tower import PointCloudTower

TOP_ROWS = [6, 4, 2, 34, 35, 36, 50, 33, 47, 52, 40, 39, 41, 49, 42, 53, 32, 14, 37, 44]
TOP_SCORES = [0.042070, 0.039901, 0.035094, 0.033763, 0.033609]


@dataclass(frozen=True)
class Anchor:
    shape: tuple[int, ...]
    total: float
    total_abs: float
    first: tuple[float, ...]

    def check(self, tensor: Tensor) -> None:
        assert tuple(tensor.shape) == self.shape
        # The sums cancel, so their error is measured against what was summed.
        assert float(tensor.double().sum()) == pytest.approx(
            self.total, abs=max(1e-3 * abs(self.total), 1e-6 * self.total_abs, 1e-4)
        )
        assert float(tensor.double().abs().sum()) == pytest.approx(self.total_abs, rel=1e-5)
        got = tensor.flatten()[: len(self.first)].tolist()
        assert got == pytest.approx(self.first, abs=2e-5)


ANCHORS = {
    "input_conv": Anchor((863, 32), -5.8321, 4490.6681, (-0.22217, 0.29980, 0.06788, -0.13640)),
    "unet": Anchor((863, 32), -86.6805, 3032.6940, (-0.06540, 0.05412, -0.13811, -0.04499)),
    "output_layer": Anchor((863, 32), 1417.1200, 1417.1200, (0.0, 0.00813, 0.0, 0.0)),
    "pos_encode": Anchor((900, 32), 1516.0982, 13974.7091, (-0.03052, -0.13472, 0.65233, -0.21869)),
    "superpoints": Anchor((55, 32), 185.8292, 870.5045, (-0.02518, 0.15066, 0.94155, -0.16302)),
    "h0": Anchor((55, 256), 157.5465, 5414.3469, (0.27806, 0.46176, 0.10104, 0.27939)),
    "h1": Anchor((55, 256), 63.6185, 11311.3339, (-0.52958, -0.44905, -1.13675, 0.26403)),
    "h2": Anchor((55, 256), 27.4647, 11145.2962, (0.05588, 0.14815, -1.03335, -1.22415)),
    "h3": Anchor((55, 256), -0.9539, 11274.0835, (-1.10998, 0.76587, 0.71595, -0.33809)),
    "classes": Anchor((55, 199), 356.1193, 6773.5689, (-0.11213, -1.26617, 0.28034, -0.53104)),
    "tokens": Anchor((20, 1024), 538.7879, 15835.5352, (-0.54996, -1.77722, 0.08590, -0.53140)),
    "token_coords": Anchor((20, 3), 46.3516, 46.3516, (0.06996, 0.38029, 0.06015)),
    "prompt": Anchor((1, 1024), -6.8291, 808.8402, (0.85271, -0.58452, 1.07974, 1.92828)),
}


@pytest.fixture(scope="module")
def features(_anchor_tower: PointCloudTower, anchor_batch: PointCloudBatch) -> SceneFeatures:
    return _anchor_tower.encode(anchor_batch)


@pytest.fixture(scope="module")
def tokens(_anchor_tower: PointCloudTower, features: SceneFeatures) -> SceneTokens:
    return _anchor_tower.scene_tokens(features)


@pytest.fixture(scope="module")
def llm_states() -> Tensor:
    return torch.from_numpy(np.random.RandomState(11).uniform(-1, 1, (2, 4096))).float()


def test_input_is_the_one_of_the_specification(
    anchor_cloud: PointCloud, anchor_batch: PointCloudBatch
):
    assert anchor_cloud.voxels.shape == (863, 3)
    assert anchor_batch.spatial_shape == (131, 128, 128)
    assert anchor_batch.n_superpoints == (55,)
    assert anchor_cloud.superpoint_ids[:10].tolist() == [19, 4, 29, 1, 25, 27, 8, 16, 28, 8]
    assert int(anchor_cloud.point_to_voxel.bincount().max()) == 2
    assert float(anchor_cloud.coords.double().sum()) == pytest.approx(1183.138816, abs=1e-5)
    assert float(anchor_cloud.colors.double().sum()) == pytest.approx(23.328865, abs=1e-5)
    assert int((anchor_cloud.voxels[:, 0] == 130).sum()) == 17


def test_voxel_features(anchor_tower: PointCloudTower, anchor_batch: PointCloudBatch):
    net = anchor_tower.segmentor
    x = net.input_conv(net.voxel_input(anchor_batch))
    ANCHORS["input_conv"].check(x.features)
    x = net.unet(x)
    ANCHORS["unet"].check(x.features)
    ANCHORS["output_layer"].check(net.output_layer(x).features)
    ANCHORS["pos_encode"].check(net.pos_encode(anchor_batch.coords))


def test_superpoint_features_and_decoder(features: SceneFeatures):
    ANCHORS["superpoints"].check(features.superpoints.features[0])
    for i in range(4):
        ANCHORS[f"h{i}"].check(features.hidden[i][0])
    ANCHORS["classes"].check(features.class_logits[0])


def test_heads_that_only_pretraining_uses(anchor_tower: PointCloudTower, features: SceneFeatures):
    decoder, last = anchor_tower.segmentor.decoder, features.hidden[-1]
    masks = decoder.mask_logits(last, features.superpoints.features)
    assert masks.shape == (1, 55, 55)
    assert float(masks.sum()) == pytest.approx(-8049.462, rel=1e-5)
    semantic = decoder.semantic_logits(last)
    assert semantic.shape == (1, 55, 201)
    assert float(semantic.sum()) == pytest.approx(162.788, rel=1e-4)


def test_tokens_are_the_most_confident_superpoints_in_order(tokens: SceneTokens):
    assert tokens.superpoints[0].tolist() == TOP_ROWS
    assert tokens.scores[0, :5].tolist() == pytest.approx(TOP_SCORES, abs=2e-6)
    assert tokens.valid.all()
    ANCHORS["tokens"].check(tokens.tokens[0])
    ANCHORS["token_coords"].check(tokens.coords[0])


def test_prompt(anchor_tower: PointCloudTower, features: SceneFeatures):
    mask = (torch.arange(55) < 5)[None]
    ANCHORS["prompt"].check(anchor_tower.prompt_tokens(features, mask, torch.tensor([0])))


def test_masks(anchor_tower: PointCloudTower, features: SceneFeatures, llm_states: Tensor):
    queries = anchor_tower.hidden_seg_fc(llm_states)
    assert queries.shape == (2, 256)
    assert float(queries.sum()) == pytest.approx(4.2144, rel=1e-4)
    assert queries[0, :4].tolist() == pytest.approx(
        [-0.32682, -0.19881, -0.04449, -0.31368], abs=2e-5
    )
    segmented = anchor_tower.segment(features, queries, torch.tensor([0, 0]))
    sums = [float(level.sum()) for level in segmented.levels]
    assert sums == pytest.approx([-176.687, -348.504, -316.156, -2041.761], rel=1e-4)
    assert segmented.levels[-1][0, 0, :4].tolist() == pytest.approx(
        [-22.6798, -19.7908, -24.1008, -21.3865], abs=1e-3
    )


@pytest.mark.parametrize(
    ("n_scenes", "scene_of_state", "states", "expected"),
    [
        pytest.param(1, [0], [0], 1.906335, id="one state"),
        pytest.param(1, [0, 0], [0, 1], 1.889374, id="two states in one sample"),
        pytest.param(2, [0, 1], [0, 1], 1.285477, id="two samples"),
        pytest.param(2, [0], [0], 1.906335, id="two samples, one of them segmented"),
    ],
)
def test_released_loss(
    anchor_tower: PointCloudTower,
    anchor_cloud: PointCloud,
    llm_states: Tensor,
    n_scenes: int,
    scene_of_state: list[int],
    states: list[int],
    expected: float,
):
    features = anchor_tower.encode(PointCloudBatch.from_clouds([anchor_cloud] * n_scenes))
    queries = anchor_tower.hidden_seg_fc(llm_states[states])
    segmented = anchor_tower.segment(features, queries, torch.tensor(scene_of_state))
    targets = (torch.arange(55) % 7 == 0).expand(len(set(scene_of_state)), -1)
    loss = segmentation_loss(segmented, targets, Fidelity.RELEASED)
    assert float(loss) == pytest.approx(expected, abs=2e-6)


@pytest.fixture
def ordinary_pointwise(anchor_tower: PointCloudTower) -> PointCloudTower:
    """The reference tower with pointwise weights that act as ordinary linear ones."""
    tower = copy.deepcopy(anchor_tower)
    for module in tower.modules():
        if isinstance(module, PointwiseConv3d):
            n_out, n_in = len(module.weight), module.weight.shape[-1]
            ordinary = module.weight.reshape(n_out, n_in).t().contiguous()
            module.weight.copy_(ordinary.view(n_out, 1, 1, 1, n_in))
    return tower


def unet_sum(tower: PointCloudTower, batch: PointCloudBatch) -> float:
    net = tower.segmentor
    return float(net.unet(net.input_conv(net.voxel_input(batch))).features.sum())


def token_sum(tower: PointCloudTower, batch: PointCloudBatch) -> float:
    return float(tower.scene_tokens(tower.encode(batch)).tokens.sum())


@pytest.mark.parametrize("measure", [unet_sum, token_sum])
def test_ordinary_pointwise_weights_would_show(
    ordinary_pointwise: PointCloudTower,
    anchor_batch: PointCloudBatch,
    measure: Callable[[PointCloudTower, PointCloudBatch], float],
):
    expected = {unet_sum: -104.4674, token_sum: 564.8289}[measure]
    assert measure(ordinary_pointwise, anchor_batch) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("measure", [unet_sum, token_sum])
def test_a_padded_grid_would_show(
    anchor_tower: PointCloudTower,
    anchor_batch: PointCloudBatch,
    measure: Callable[[PointCloudTower, PointCloudBatch], float],
):
    padded = replace(anchor_batch, spatial_shape=(144, 128, 128))
    expected = {unet_sum: -86.4874, token_sum: 538.7069}[measure]
    assert measure(anchor_tower, padded) == pytest.approx(expected, rel=1e-5)
