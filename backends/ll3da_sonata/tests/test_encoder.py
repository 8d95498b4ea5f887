"""What holds for any weights: equivariance, independence of the batch, determinism, limits."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from encoders import TOY, golden_points, permuted, toy_cells, toy_encoder, toy_points

from posealign_core.errors import ConfigError, ShapeError
from posealign_ll3da_sonata.ptv3 import (
    BASE,
    SMALL,
    PointTransformer,
    draw_permutations,
    upcast,
    upcast_width,
)
from posealign_ll3da_sonata.ptv3.block import Block

LARGE, SMALL_BOX = toy_cells(300, 97, 11, 9, 7), toy_cells(60, 31, 4, 4, 4)


@pytest.fixture(scope="module")
def encoder():
    return toy_encoder()


@torch.no_grad()
def features_of(encoder, *cells, **kwargs):
    return [stage.points for stage in encoder(toy_points(*cells), **kwargs)]


@torch.no_grad()
def test_rows_may_come_in_any_order(encoder):
    points = toy_points(LARGE)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    plain, moved = encoder(points), encoder(permuted(points, order))
    torch.testing.assert_close(
        moved[0].points.features, plain[0].points.features[order], rtol=1e-5, atol=1e-4
    )
    for found, wanted in zip(moved[1:], plain[1:], strict=True):
        assert torch.equal(found.points.cells, wanted.points.cells)
        torch.testing.assert_close(
            found.points.features, wanted.points.features, rtol=1e-5, atol=1e-4
        )


def alone_and_together(**options):
    """Features of the small sample alone and beside a larger one, stage by stage.

    Along Hilbert curves, since those are what depends on the depth.
    """
    encoder = toy_encoder(dataclasses.replace(TOY, curves=("hilbert", "hilbert-trans")), **options)
    points = toy_points(LARGE, SMALL_BOX)
    with torch.no_grad():
        together = encoder(points)
        only = dataclasses.replace(
            points,
            features=points.features[300:],
            coords=points.coords[300:],
            cells=points.cells[300:],
            counts=(60,),
        )
        alone = encoder(only)
    return [
        (a.points.features, t.points.features[t.points.counts[0] :])
        for a, t in zip(alone, together, strict=True)
    ]


def test_features_do_not_depend_on_the_batch_where_each_sample_has_its_depth():
    for alone, together in alone_and_together(depth_per_sample=True):
        torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-4)


def test_the_released_depth_is_that_of_the_largest_sample():
    changes = [(a - t).norm() / a.norm() for a, t in alone_and_together()]
    assert max(changes) > 1e-3


def test_min_windows_shrink_with_the_smallest_sample():
    encoder = toy_encoder(windows="min")
    alone = features_of(encoder, LARGE)[1].features
    together = features_of(encoder, LARGE, SMALL_BOX)[1].features[: len(alone)]
    assert (alone - together).norm() > 1e-3 * alone.norm()


def test_min_windows_equal_varlen_for_one_sample(encoder):
    plain = features_of(encoder, LARGE)
    shrunk = features_of(toy_encoder(windows="min"), LARGE)
    for a, b in zip(plain, shrunk, strict=True):
        assert torch.equal(a.features, b.features)


def test_two_runs_are_equal_bit_by_bit(encoder):
    first, second = (features_of(encoder, LARGE, SMALL_BOX) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.features, b.features)


def test_permutations_are_torch_own_draws():
    torch.manual_seed(3)
    drawn = draw_permutations(TOY)
    torch.manual_seed(3)
    assert drawn == [torch.randperm(4).tolist() for _ in range(5)]
    seeded = draw_permutations(TOY, torch.Generator().manual_seed(3))
    assert seeded == drawn


def test_permutations_change_features(encoder):
    plain = features_of(encoder, LARGE)
    moved = features_of(encoder, LARGE, permutations=[[2, 3, 0, 1]] * 5)
    same = features_of(encoder, LARGE, permutations=[[0, 1, 2, 3]] * 5)
    assert torch.equal(plain[-1].features, same[-1].features)
    assert (plain[0].features - moved[0].features).abs().max() > 1e-3


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_points(encoder, n):
    stages = features_of(encoder, torch.arange(n)[:, None] * torch.tensor([1, 0, 2]))
    assert len(stages[0].features) == n
    assert stages[-1].features.shape == (1, 64)
    assert all(torch.isfinite(s.features).all() for s in stages)


def test_pooling_takes_maxima_before_the_norm(encoder):
    """By loops over parents, from the finer stage's own features."""
    with torch.no_grad():
        finer, coarser, *_ = encoder(golden_points())
        down = encoder.enc["enc1"].down
        projected = down.proj(finer.points.features)
        pooled, rows = down(finer.points, finer.curves.depth)
    parents = torch.cat([finer.points.batch[:, None], finer.points.cells // 2], dim=1)
    assert torch.equal(rows, coarser.row_of_finer)
    for row, parent in enumerate(sorted(set(map(tuple, parents.tolist())))):
        inside = (parents == torch.tensor(parent)).all(dim=1)
        assert (rows[inside] == row).all()
        assert pooled.cells[row].tolist() == list(parent[1:])
        largest = projected[inside].amax(0)
        wanted = torch.nn.functional.gelu(down.norm(largest))
        torch.testing.assert_close(pooled.features[row], wanted, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(pooled.coords[row], finer.points.coords[inside].mean(0))


def test_gradients_reach_every_weight():
    encoder = toy_encoder().train()
    mask = torch.arange(400) % 3 == 0
    stages = encoder(golden_points(), mask=mask)
    upcast(stages, n_joined=4, to_stage=0).sum().backward()
    lacking = [k for k, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert lacking == []


def test_masked_points_do_not_show(encoder):
    points = golden_points()
    mask = torch.arange(400) == 7
    changed = points.features.clone()
    changed[7] += 5
    with torch.no_grad():
        plain = encoder(points, mask=mask)
        hidden = encoder(points.with_features(changed), mask=mask)
        seen = encoder(points.with_features(changed))
    assert torch.equal(plain[-1].points.features, hidden[-1].points.features)
    assert not torch.equal(plain[0].points.features, seen[0].points.features)


def test_mask_without_a_token():
    encoder = toy_encoder(dataclasses.replace(TOY, mask_token=False))
    with pytest.raises(ConfigError, match="mask_token: true"):
        encoder(golden_points(), mask=torch.zeros(400, dtype=torch.bool))


def test_stochastic_depth_skips_rows():
    """Rows are either skipped or larger by the share that is kept."""
    block = Block(TOY, 0, 0.25, PointTransformer(TOY).options).train()
    torch.manual_seed(0)
    out = block._skip_some(torch.ones(4000, 3))
    assert torch.equal(out.amin(1), out.amax(1))
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (out[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(block.eval()._skip_some(torch.ones(4, 3)), torch.ones(4, 3))


@pytest.mark.parametrize(
    ("config", "widths"),
    [(BASE, [512, 896, 1088, 1184, 1232]), (SMALL, [512, 768, 896, 960, 992])],
)
def test_upcast_widths(config, widths):
    assert [upcast_width(config, n) for n in range(5)] == widths


@pytest.mark.parametrize(("n_joined", "to_stage"), [(2, 2), (0, 0), (4, 0), (1, 3), (0, 4)])
def test_upcast_stops_and_joins(encoder, n_joined, to_stage):
    with torch.no_grad():
        stages = encoder(golden_points())
    features = upcast(stages, n_joined=n_joined, to_stage=to_stage)
    own = stages[to_stage].points.features
    assert features.shape == (len(own), upcast_width(TOY, n_joined))
    if n_joined == 4 - to_stage:
        assert torch.equal(features[:, : own.shape[1]], own)
    row = 0
    for stage in stages[to_stage + 1 :]:
        row = stage.row_of_finer[row]
    assert torch.equal(features[0, -64:], stages[-1].points.features[row])


@pytest.mark.parametrize(("n_joined", "to_stage"), [(3, 2), (0, 5), (0, -1), (-1, 0)])
def test_upcast_refuses(encoder, n_joined, to_stage):
    with torch.no_grad():
        stages = encoder(golden_points())
    with pytest.raises(ShapeError, match="up-casting"):
        upcast(stages, n_joined=n_joined, to_stage=to_stage)


def test_half_attention_stays_near(encoder):
    plain = features_of(encoder, LARGE)[0].features
    half = features_of(toy_encoder(attention_dtype="float16"), LARGE)[0].features
    assert half.dtype is torch.float32
    assert 0 < (plain - half).norm() / plain.norm() < 1e-3


def test_bfloat16_copy_runs(encoder):
    points = toy_points(LARGE)
    with torch.no_grad():
        wanted = encoder(points)[0].points.features
        low = toy_encoder().to(torch.bfloat16)
        found = low(points.with_features(points.features.bfloat16()))[0].points.features
    assert found.dtype is torch.bfloat16
    assert (wanted - found).norm() / wanted.norm() < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": (400, 0)}, "one voxel at least in every sample"),
        ({"counts": (399,)}, "add up to N"),
        ({"coords": torch.zeros(400, 2)}, r"\(400, 2\)"),
        ({"features": torch.zeros(399, 9)}, r"\(399, 9\)"),
    ],
)
def test_batches_that_do_not_fit(change, message):
    with pytest.raises(ShapeError, match=message):
        dataclasses.replace(golden_points(), **change)


def test_wrong_channels(encoder):
    points = golden_points()
    with pytest.raises(ShapeError, match=r"wanted 9 channels .* found 6"):
        encoder(points.with_features(points.features[:, :6]))


@pytest.mark.parametrize(
    ("cell", "message"),
    [(65535, "remove far outliers"), (-1, "not negative"), (0, "distinct voxels")],
)
def test_cells_that_no_curve_takes(encoder, cell, message):
    cells = torch.tensor([[0, 0, 0], [0, 0, cell]])
    with pytest.raises(ShapeError, match=message):
        encoder(toy_points(cells))
