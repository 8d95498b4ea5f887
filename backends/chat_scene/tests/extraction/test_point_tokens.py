from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_chat_scene.extraction.object_clouds import ObjectCloud
from posealign_chat_scene.extraction.point_tokens import GroupEncoder, group_points_of


def _cloud(n, seed=0) -> ObjectCloud:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3)).astype(np.float32)
    return ObjectCloud.build(0, points, rng.integers(0, 256, (n, 3), np.uint8), least=8)


def _groups(points, colors, n_groups, size, length=None):
    lengths = torch.tensor([length or points.shape[0]])
    return group_points_of(
        torch.as_tensor(points)[None],
        torch.as_tensor(colors)[None],
        lengths,
        n_groups=n_groups,
        group_size=size,
    )


def _by_hand(points, colors, n_groups, size):
    """Greedy sampling and sorting, point by point, in float64."""
    p = points.astype(np.float64)
    eligible = (p**2).sum(1) > 1e-3
    chosen, apart = [0], np.full(len(p), np.inf)
    while len(chosen) < n_groups:
        apart = np.minimum(apart, ((p - p[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(np.where(eligible, apart, -1).argmax()))
    members = []
    for center in p[chosen]:
        near = np.argsort(((p - center) ** 2).sum(1), kind="stable")[:size]
        members.append(np.concatenate([p[near] - center, colors[near]], axis=1))
    return p[chosen], np.array(members)


@pytest.mark.parametrize("n", [50, 300])
def test_groups_are_those_of_a_plain_search(n):
    cloud = _cloud(n)
    groups = _groups(cloud.points, cloud.colors, 32, 8)
    centers, members = _by_hand(cloud.points, cloud.colors, 32, 8)
    np.testing.assert_allclose(groups.centers[0], centers, atol=1e-6)

    def ordered(rows):  # neighbours of a group have no order
        return np.sort(np.asarray(rows, np.float64).round(5), axis=1)

    np.testing.assert_allclose(ordered(groups.members[0]), ordered(members), atol=2e-5)


def test_a_cloud_smaller_than_its_groups_is_sampled_again():
    cloud = _cloud(12)
    centers = _groups(cloud.points, cloud.colors, 20, 8).centers[0]
    assert len({tuple(c) for c in centers.tolist()}) == 12


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_padding_changes_no_group(spread):
    """Also on a grid, where nearly everything is equally far from something."""
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), -1).reshape(-1, 3)
    rng = np.random.default_rng(4)
    points = (grid + spread * rng.normal(size=grid.shape)).astype(np.float32)
    cloud = ObjectCloud.build(0, points, rng.integers(0, 256, points.shape, np.uint8), least=8)
    alone = _groups(cloud.points, cloud.colors, 32, 8)
    pad = np.repeat(cloud.points[:1], 111, axis=0), np.repeat(cloud.colors[:1], 111, axis=0)
    padded = _groups(
        np.concatenate([cloud.points, pad[0]]),
        np.concatenate([cloud.colors, pad[1]]),
        32,
        8,
        length=len(cloud.points),
    )
    assert torch.equal(alone.centers, padded.centers)
    assert torch.equal(alone.members, padded.members)


def test_the_order_of_neighbours_does_not_matter():
    encoder = GroupEncoder(16).eval()
    members = torch.randn(2, 3, 8, 6)
    with torch.no_grad():
        tokens, again = encoder(members), encoder(members[:, :, torch.randperm(8)])
    assert tokens.shape == (2, 3, 16)
    torch.testing.assert_close(tokens, again)
