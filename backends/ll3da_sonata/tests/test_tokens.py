from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_core.errors import ShapeError
from posealign_ll3da_sonata.config import TokenConfig
from posealign_ll3da_sonata.model.tokens import padded_rows, voxel_tokens
from posealign_ll3da_sonata.ptv3.upcasting import upcast

from .encoders import TOY, toy_cells, toy_encoder, toy_points

TWO_JOINS = TokenConfig(n_tokens=20)


def stages_of(*cells):
    with torch.no_grad():
        return toy_encoder()(toy_points(*cells))


@pytest.fixture(scope="module")
def stages():
    return stages_of(toy_cells(300, 97, 23, 19, 17), toy_cells(40, 31, 6, 6, 6))


def test_a_token_is_the_mean_of_the_voxels_nearest_to_it(stages):
    found = voxel_tokens(stages, TWO_JOINS)
    points, features = stages[2].points, upcast(stages, n_joined=2, to_stage=2).numpy()
    assert found.features.shape[2] == sum(TOY.channels[2:])
    ends = [0, *points.offsets]
    for scene in range(2):
        rows = slice(ends[scene], ends[scene + 1])
        valid = found.valid[scene].numpy()
        xyz = points.coords[rows].double().numpy()
        centers = found.xyz[scene].double().numpy()[valid]
        nearest = np.linalg.norm(xyz[:, None] - centers, axis=2).argmin(axis=1)
        for token in range(len(centers)):
            mean = features[rows][nearest == token].mean(axis=0)
            assert np.allclose(found.features[scene, token], mean, atol=1e-5)


def test_a_small_scene_has_fewer_tokens_each_once(stages):
    found = voxel_tokens(stages, TWO_JOINS)
    n = stages[2].points.counts[1]
    assert n < 20 <= stages[2].points.counts[0]
    assert found.valid.sum(dim=1).tolist() == [20, n]
    assert len(torch.unique(found.xyz[1][found.valid[1]], dim=0)) == n
    assert not found.features[1][~found.valid[1]].any()


def test_companions_in_the_batch_do_not_matter(stages):
    together = voxel_tokens(stages, TWO_JOINS)
    alone = voxel_tokens(stages_of(toy_cells(40, 31, 6, 6, 6)), TWO_JOINS)
    assert torch.equal(together.xyz[1], alone.xyz[0])
    assert torch.equal(together.valid[1], alone.valid[0])


def test_centers_spread_and_follow_the_seed(stages):
    first, again, other = (
        voxel_tokens(stages, TokenConfig(n_tokens=8, seed=seed)).xyz for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    xyz = stages[2].points.coords[: stages[2].points.counts[0]]
    gaps = torch.cdist(first[0], first[0]).fill_diagonal_(9.0).min()
    # No voxel is further from all centres than centres are from each other.
    assert torch.cdist(xyz, first[0]).min(dim=1).values.max() <= gaps + 1e-6


def test_gathered_tokens_are_voxels(stages):
    found = voxel_tokens(stages, TokenConfig(n_tokens=20, pooling="gather"))
    features = upcast(stages, n_joined=2, to_stage=2)
    rows = {tuple(row) for row in features.tolist()}
    assert all(tuple(row) in rows for row in found.features[found.valid].tolist())


def test_the_coarsest_stage_alone(stages):
    found = voxel_tokens(stages, TokenConfig(n_tokens=6, n_joined=0, to_stage=4))
    assert found.features.shape[2] == TOY.channels[-1]


def test_more_joins_than_stages_are_refused(stages):
    with pytest.raises(ShapeError, match="joins"):
        voxel_tokens(stages, TokenConfig(n_joined=3, to_stage=2))


def test_padding_repeats_the_first_row_of_a_sample():
    points = toy_points(toy_cells(600, 97, 11, 9, 7), toy_cells(5, 31, 6, 6, 6))
    rows, valid = padded_rows(points)
    assert rows.shape == (2, 600)
    assert valid.sum(dim=1).tolist() == [600, 5]
    assert rows[1, :6].tolist() == [600, 601, 602, 603, 604, 600]
    shifted = padded_rows(points, seed=3).rows[1]
    assert sorted(shifted[:5].tolist()) == [600, 601, 602, 603, 604]
    assert (shifted[5:] == shifted[0]).all()
