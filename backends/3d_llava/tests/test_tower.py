"""How the tower behaves beyond the reference scene: batches, sizes, prompts, precision."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from posealign_3d_llava.model.cloud import PointCloud, PointCloudBatch
from posealign_3d_llava.model.config import ModelFidelity, TowerConfig
from posealign_3d_llava.model.prompt_mask import prompt_mask
from posealign_3d_llava.model.tower import PointCloudTower
from posealign_core.errors import DataError, ShapeError
from posealign_core.nn.sparse_conv import sparse_tensor
from posealign_core.vocabulary import Fidelity

from .scenes import random_cloud

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def tower(tiny_config: TowerConfig) -> PointCloudTower:
    torch.manual_seed(0)
    return PointCloudTower(tiny_config).eval()


def released(config: TowerConfig, **switches: Fidelity) -> TowerConfig:
    return replace(config, fidelity=ModelFidelity(**switches))


def test_a_batch_of_two_equals_two_singles(tower: PointCloudTower):
    clouds = [random_cloud(60, 9, seed=1), random_cloud(45, 5, size=17, seed=2)]
    masks = torch.zeros(2, 9, dtype=torch.bool)
    masks[0, [1, 4]] = masks[1, 2] = True
    states = torch.randn(3, tower.config.llm_width)
    together = tower.encode(PointCloudBatch.from_clouds(clouds))
    tokens = tower.scene_tokens(together)
    prompts = tower.prompt_tokens(together, masks, torch.tensor([0, 1]))
    segmented = tower.segment(together, tower.hidden_seg_fc(states), torch.tensor([0, 1, 1]))
    for i, cloud in enumerate(clouds):
        alone = tower.encode(PointCloudBatch.from_clouds([cloud]))
        n = alone.superpoints.valid.shape[1]
        torch.testing.assert_close(together.hidden[-1][i, :n], alone.hidden[-1][0])
        mine = tower.scene_tokens(alone)
        k = int(tokens.valid[i].sum())
        assert k == mine.valid.sum() == min(n, 6)
        assert torch.equal(tokens.superpoints[i, :k], mine.superpoints[0])
        torch.testing.assert_close(tokens.tokens[i, :k], mine.tokens[0])
        torch.testing.assert_close(tokens.coords[i, :k], mine.coords[0])
        prompt = tower.prompt_tokens(alone, masks[i : i + 1, :n], torch.tensor([0]))
        torch.testing.assert_close(prompts[i], prompt[0])
        rows = [[0], [1, 2]][i]
        queries = tower.hidden_seg_fc(states[rows])
        single = tower.segment(alone, queries, torch.zeros(len(rows), dtype=torch.int64))
        got = segmented.levels[-1][i, : len(rows), :n]
        torch.testing.assert_close(got, single.levels[-1][0])


def test_the_batch_wide_mean_of_the_release_ties_scenes_together(tiny_config: TowerConfig):
    clouds = [random_cloud(seed=1), random_cloud(seed=2)]
    clouds[1] = replace(clouds[1], coords=clouds[1].coords + 1.0)

    def inputs(fidelity: Fidelity, clouds: list[PointCloud]) -> torch.Tensor:
        net = PointCloudTower(released(tiny_config, coordinate_mean=fidelity)).segmentor
        return net.voxel_input(PointCloudBatch.from_clouds(clouds)).features

    n = len(clouds[0].voxels)
    for fidelity in Fidelity:
        alone, together = inputs(fidelity, clouds[:1]), inputs(fidelity, clouds)[:n]
        shift = 0.5 if fidelity is Fidelity.RELEASED else 0.0
        assert (alone - together)[:, 3:].mean().item() == pytest.approx(shift, abs=5e-3)
        torch.testing.assert_close(alone[:, :3], together[:, :3])
    torch.testing.assert_close(
        inputs(Fidelity.CORRECT, clouds[:1]), inputs(Fidelity.RELEASED, clouds[:1])
    )


def test_a_frozen_tower_is_the_same_in_training_mode_unless_released(tiny_config: TowerConfig):
    torch.manual_seed(0)
    batch = PointCloudBatch.from_clouds([random_cloud()])
    correct = PointCloudTower(tiny_config).requires_grad_(False)
    published = PointCloudTower(released(tiny_config, batch_norm=Fidelity.RELEASED))
    published.load_state_dict(correct.state_dict())
    published.requires_grad_(False)
    reference = correct.eval().encode(batch).hidden[-1]
    assert torch.equal(correct.train().encode(batch).hidden[-1], reference)
    assert torch.equal(published.eval().encode(batch).hidden[-1], reference)
    assert not torch.allclose(published.train().encode(batch).hidden[-1], reference, atol=1e-2)
    for name, buffer in published.named_buffers():
        assert torch.equal(buffer, correct.get_buffer(name)), name


@pytest.mark.parametrize(("n_points", "n_superpoints"), [(1, 1), (5, 1), (20, 5), (40, 8)])
def test_scenes_smaller_than_the_token_budget(
    tower: PointCloudTower, n_points: int, n_superpoints: int
):
    features = tower.encode(PointCloudBatch.from_clouds([random_cloud(n_points, n_superpoints)]))
    tokens = tower.scene_tokens(features)
    assert tokens.tokens.shape == (1, min(n_superpoints, 6), 12)
    assert tokens.valid.all()
    assert (tokens.scores.diff() <= 0).all()
    prompt = tower.prompt_tokens(
        features, torch.ones(1, n_superpoints, dtype=torch.bool), torch.tensor([0])
    )
    assert torch.isfinite(prompt).all()


@pytest.mark.parametrize("shape", [(5, 7, 9), (1, 3, 2), (8, 4, 6), (129, 131, 2)])
def test_odd_and_thin_grids(tower: PointCloudTower, shape: tuple[int, int, int]):
    torch.manual_seed(1)
    indices = torch.stack([torch.randint(0, n, (30,)) for n in shape], dim=1).unique(dim=0)
    indices = torch.cat([torch.zeros_like(indices[:, :1]), indices], dim=1)
    net = tower.segmentor
    x = sparse_tensor(torch.randn(len(indices), 6), indices, shape, 1)
    out = net.unet(net.input_conv(x))
    assert out.grid is x.grid
    assert torch.isfinite(out.features).all()


def test_prompts_of_one_scene_do_not_see_each_other(tower: PointCloudTower):
    features = tower.encode(PointCloudBatch.from_clouds([random_cloud()]))
    masks = torch.zeros(3, 9, dtype=torch.bool)
    masks[0, 0] = masks[1, 3:6] = masks[2, 0] = True
    tokens = tower.prompt_tokens(features, masks, torch.tensor([0, 0, 0]))
    torch.testing.assert_close(tokens[0], tokens[2])
    assert not torch.allclose(tokens[0], tokens[1])
    alone = tower.prompt_tokens(features, masks[1:2], torch.tensor([0]))
    torch.testing.assert_close(tokens[1], alone[0])


def test_no_prompt_at_all(tower: PointCloudTower):
    features = tower.encode(PointCloudBatch.from_clouds([random_cloud()]))
    none = tower.prompt_tokens(
        features, torch.zeros(0, 9, dtype=torch.bool), torch.zeros(0, dtype=torch.int64)
    )
    assert none.shape == (0, 12)


def test_an_empty_prompt_is_refused_or_as_published_nan(tiny_config: TowerConfig):
    batch = PointCloudBatch.from_clouds([random_cloud()])
    empty, scene = torch.zeros(1, 9, dtype=torch.bool), torch.tensor([0])
    correct = PointCloudTower(tiny_config)
    with pytest.raises(ShapeError, match=r"found none in rows \[0\]"):
        correct.prompt_tokens(correct.encode(batch), empty, scene)
    published = PointCloudTower(released(tiny_config, empty_prompt=Fidelity.RELEASED))
    assert published.prompt_tokens(published.encode(batch), empty, scene).isnan().all()


def test_prompt_mask_takes_superpoints_mostly_inside_the_region():
    superpoints = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 2])
    region = torch.tensor([1, 0, 1, 0, 0, 1, 1, 1, 0]).bool()
    for fidelity in Fidelity:
        assert prompt_mask(region, superpoints, fidelity).tolist() == [True, False, True]


def test_prompt_mask_of_a_region_that_fills_no_superpoint():
    superpoints = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1])
    region = torch.tensor([1, 0, 0, 1, 0, 0, 0, 0]).bool()
    assert prompt_mask(region, superpoints, Fidelity.CORRECT).tolist() == [True, False]
    assert prompt_mask(region, superpoints, Fidelity.RELEASED).tolist() == [False, False]
    with pytest.raises(DataError, match="no point in this scan"):
        prompt_mask(torch.zeros(8, dtype=torch.bool), superpoints, Fidelity.CORRECT)


def test_bfloat16_rounds_coordinates_first_and_keeps_exact_centres(tiny_config: TowerConfig):
    cloud = random_cloud()
    batch = PointCloudBatch.from_clouds([replace(cloud, coords=cloud.coords + 5.0)])
    rounded = replace(batch, coords=batch.coords.bfloat16().float())
    torch.manual_seed(0)
    tower = PointCloudTower(tiny_config).eval().bfloat16()
    features = tower.encode(batch)
    assert features.hidden[-1].dtype is torch.bfloat16
    assert torch.equal(features.hidden[-1], tower.encode(rounded).hidden[-1])
    mean = torch.stack([batch.coords[batch.superpoint_ids == s].mean(0) for s in range(9)])
    tokens = tower.scene_tokens(features)
    torch.testing.assert_close(tokens.coords[0], mean[tokens.superpoints[0]])
    published = PointCloudTower(released(tiny_config, token_coords=Fidelity.RELEASED)).bfloat16()
    published.load_state_dict(tower.state_dict())
    coords = published.eval().scene_tokens(features).coords
    assert coords.dtype is torch.bfloat16
    assert torch.equal(coords, features.superpoints.centers.gather(
        1, tokens.superpoints[..., None].expand(-1, -1, 3)
    ))  # fmt: skip


def scene_loss(tower: PointCloudTower, batch: PointCloudBatch) -> torch.Tensor:
    features, scene = tower.encode(batch), torch.tensor([0])
    state = torch.linspace(-1, 1, tower.config.llm_width, dtype=torch.float64)[None]
    segmented = tower.segment(features, tower.hidden_seg_fc(state), scene)
    tokens = tower.scene_tokens(features).tokens
    return tokens.pow(2).sum() + sum(level.pow(2).sum() for level in segmented.levels)


def prompt_loss(tower: PointCloudTower, batch: PointCloudBatch) -> torch.Tensor:
    mask = torch.tensor([[True, False, True, False, False]])
    return tower.prompt_tokens(tower.encode(batch), mask, torch.tensor([0])).pow(2).sum()


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (scene_loss, "segmentor.input_conv.0.weight"),
        (scene_loss, "segmentor.unet.blocks_tail.block0.i_branch.0.weight"),
        (scene_loss, "segmentor.unet.u.conv.2.weight"),
        (scene_loss, "segmentor.unet.u.u.blocks.block0.conv_branch.2.weight"),
        (scene_loss, "segmentor.unet.u.deconv.2.weight"),
        (scene_loss, "segmentor.unet.u.deconv.0.weight"),
        (scene_loss, "segmentor.pos_encode.0.weight"),
        (scene_loss, "segmentor.decoder.self_attn_layers.0.scale_factor"),
        (scene_loss, "segmentor.decoder.self_attn_layers.1.attn.in_proj_weight"),
        (scene_loss, "segmentor.alignment_proj.0.weight"),
        (scene_loss, "mask_decoder.ffn_layers.2.net.3.weight"),
        (scene_loss, "hidden_seg_fc.0.weight"),
        (prompt_loss, "visual_sampler.self_attn_layers.0.gen_tau.weight"),
        (prompt_loss, "visual_sampler.self_attn_layers.2.attn.in_proj_weight"),
        (prompt_loss, "segmentor.alignment_proj.0.weight"),
    ],
)
def test_gradients_against_finite_differences(
    tower: PointCloudTower,
    loss: Callable[[PointCloudTower, PointCloudBatch], torch.Tensor],
    name: str,
):
    """In float64 and training mode, so that batch normalisation's own gradient counts too."""
    tower = copy.deepcopy(tower).double().train()
    batch = PointCloudBatch.from_clouds([random_cloud(30, 5, size=6)])
    batch = replace(batch, coords=batch.coords.double(), colors=batch.colors.double())
    parameter, step = tower.get_parameter(name), 1e-6
    loss(tower, batch).backward()
    gradient = parameter.grad
    assert gradient is not None
    direction = gradient / gradient.norm()
    with torch.no_grad():
        parameter += step * direction
        above = loss(tower, batch)
        parameter -= 2 * step * direction
        below = loss(tower, batch)
    assert float(gradient.norm()) == pytest.approx(float(above - below) / (2 * step), rel=1e-5)


def test_prompt_gradients_stop_at_the_decoder_states(tower: PointCloudTower):
    """The sampler reads the decoder's states detached; only the mean of h0 carries gradients."""
    features = tower.encode(PointCloudBatch.from_clouds([random_cloud()]))
    mask = torch.zeros(1, 9, dtype=torch.bool)
    mask[0, 0] = True
    tower.prompt_tokens(features, mask, torch.tensor([0])).sum().backward()
    assert tower.segmentor.decoder.query_proj[0].weight.grad is not None
    assert tower.segmentor.decoder.ffn_layers[0].net[0].weight.grad is None
