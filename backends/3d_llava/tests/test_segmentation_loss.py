from __future__ import annotations

import pytest
import torch

from posealign_3d_llava.model.mask_decoder import SegmentedScenes, group_queries
from posealign_3d_llava.model.segmentation_loss import segmentation_loss
from posealign_core.errors import ShapeError
from posealign_core.vocabulary import Fidelity


def segmented(*levels: torch.Tensor, queries: list[int], superpoints: list[int]) -> SegmentedScenes:
    n, s, q = levels[0].shape
    return SegmentedScenes(
        scenes=torch.arange(n),
        levels=levels,
        query_valid=torch.arange(s) < torch.tensor(queries)[:, None],
        superpoint_valid=torch.arange(q) < torch.tensor(superpoints)[:, None],
    )


def plain_loss(logits: torch.Tensor, target: torch.Tensor, factor: float) -> float:
    """One scene, one query, one level, spelled out."""
    p = 1 / (1 + torch.exp(-logits))
    t = target.float()
    bce = -(t * p.log() + (1 - t) * (1 - p).log()).mean()
    dice = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    return float(0.1 * bce + 0.1 * factor * dice)


@pytest.mark.parametrize(
    ("fidelity", "factors"), [(Fidelity.RELEASED, (4.0, 2.0)), (Fidelity.CORRECT, (2.0, 2.0))]
)
def test_dice_counts_by_the_number_of_scenes_only_as_released(fidelity, factors):
    torch.manual_seed(0)
    logits, target = torch.randn(2, 1, 6), torch.rand(2, 6) > 0.5
    single = segmentation_loss(
        segmented(logits[:1], queries=[1], superpoints=[6]), target[:1], fidelity
    )
    assert float(single) == pytest.approx(plain_loss(logits[0, 0], target[0], factors[0]), rel=1e-5)
    both = segmentation_loss(
        segmented(logits, queries=[1, 1], superpoints=[6, 6]), target, fidelity
    )
    expected = sum(plain_loss(logits[i, 0], target[i], factors[1]) for i in range(2)) / 2
    assert float(both) == pytest.approx(expected, rel=1e-5)


def test_padding_changes_nothing():
    torch.manual_seed(0)
    logits, target = torch.randn(1, 1, 4), torch.tensor([[True, False, True, False]])
    padded = torch.full((1, 3, 7), 50.0)
    padded[0, 0, :4] = logits[0, 0]
    wide = torch.cat([target, torch.zeros(1, 3, dtype=torch.bool)], dim=1)
    for fidelity in Fidelity:
        assert float(
            segmentation_loss(segmented(logits, queries=[1], superpoints=[4]), target, fidelity)
        ) == pytest.approx(
            float(
                segmentation_loss(segmented(padded, queries=[1], superpoints=[4]), wide, fidelity)
            ),
            rel=1e-6,
        )


def test_the_best_query_is_chosen_at_each_level_on_its_own():
    target = torch.tensor([[True, False, False]])
    good, bad = torch.tensor([2.0, -3.0, -1.0]), torch.tensor([-2.0, 3.0, 1.0])
    first, second = torch.stack([good, bad])[None], torch.stack([bad, good])[None]
    loss = segmentation_loss(
        segmented(first, second, queries=[2], superpoints=[3]), target, Fidelity.CORRECT
    )
    assert float(loss) == pytest.approx(2 * plain_loss(good, target[0], 2.0), rel=1e-4)


def test_gradients_reach_only_the_chosen_query():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 5) > 0.5
    segmentation_loss(
        segmented(logits, queries=[3, 2], superpoints=[5, 4]), target, Fidelity.CORRECT
    ).backward()
    reached = logits.grad.abs().sum(-1) > 0
    assert reached.sum(1).tolist() == [1, 1]
    assert not logits.grad[1, :, 4].any()


def test_targets_of_another_scene_are_refused():
    with pytest.raises(ShapeError, match=r"wanted targets \(1, 3\), found \(1, 4\)"):
        segmentation_loss(
            segmented(torch.zeros(1, 1, 3), queries=[1], superpoints=[3]),
            torch.zeros(1, 4, dtype=torch.bool),
            Fidelity.CORRECT,
        )


def test_grouping_queries_by_hand():
    queries = torch.arange(8.0).view(4, 2)
    scenes, grouped, valid = group_queries(queries, torch.tensor([1, 4, 4, 4]))
    assert scenes.tolist() == [1, 4]
    assert grouped[0].tolist() == [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    assert grouped[1].tolist() == [[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    assert valid.tolist() == [[True, False, False], [True, True, True]]
