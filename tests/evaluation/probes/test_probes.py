from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from answerers import LATERAL, blind, geometric, selections, subject

from posealign_core.evaluation.probes.leak import LeakPanel
from posealign_core.evaluation.probes.noise import YawNoise
from posealign_core.evaluation.probes.pose_source import PoseSources
from posealign_core.evaluation.probes.reflection import Mirror
from posealign_core.evaluation.probes.rotation import PoseRotation, WorldRotation
from posealign_core.evaluation.probes.views import ViewsAgreement, _Views, view_spread
from posealign_core.recover import RandomFrame, Top
from posealign_core.structures import AlignSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from posealign_core.evaluation.probes import ProbeRow
    from posealign_core.recover import Selector

PLAIN = AlignSettings()
MEASURES = ("two draws over 90 degrees apart", "largest angle")


def means(rows: Iterable[ProbeRow], measure: str) -> dict[str, float | None]:
    """Means over all questions, by label."""
    return {r.label: r.estimate.mean for r in rows if (r.measure, r.subset) == (measure, "all")}


@pytest.mark.parametrize("queries", [LATERAL, selections()], ids=["answers", "objects"])
def test_a_geometric_model_does_not_mind_a_turned_world(tmp_path: Path, queries) -> None:
    asked = subject(tmp_path, geometric, queries)
    rows = WorldRotation().rows(asked)
    assert set(means(rows, "same answer").values()) == {1.0}
    metric = "em" if queries is LATERAL else "accuracy"
    assert set(means(rows, metric).values()) == {1.0}
    assert [row.x for row in rows if row.measure == "same answer" and row.subset == "all"] == [
        *(0, 90, 180, 270)
    ]
    assert all(row.expected == 1.0 for row in rows if row.measure == "same answer")


def test_a_model_without_pose_goes_by_the_axes_of_the_world(tmp_path: Path) -> None:
    rows = WorldRotation().rows(subject(tmp_path, geometric, settings=PLAIN))
    same = means(rows, "same answer")
    assert same["world turned by 0 degrees"] == 1.0
    assert same["world turned by 180 degrees"] == 0.0
    assert all(row.expected is None for row in rows)


def test_a_geometric_model_turns_with_its_pose(tmp_path: Path) -> None:
    rows = PoseRotation().rows(subject(tmp_path, geometric))
    assert means(rows, "changed answer")["pose turned by 180 degrees"] == 1.0
    assert means(rows, "opposite side named") == {"pose turned by 180 degrees": 1.0}


def test_a_blind_model_does_not_turn_with_its_pose(tmp_path: Path) -> None:
    rows = PoseRotation().rows(subject(tmp_path, blind))
    assert set(means(rows, "changed answer").values()) == {0.0}
    assert means(rows, "opposite side named") == {"pose turned by 180 degrees": 0.5}


@pytest.mark.parametrize("queries", [LATERAL, selections()], ids=["answers", "objects"])
def test_a_geometric_model_answers_the_mirror_image(tmp_path: Path, queries) -> None:
    rows = Mirror().rows(subject(tmp_path, geometric, queries))
    assert means(rows, "mirrored answer") == {"mirrored": 1.0}
    score = next(row for row in rows if row.measure in {"em", "accuracy"})
    assert score.estimate.mean == 1.0
    assert score.difference is not None
    assert score.difference.difference.mean == 0.0


def test_a_favourite_side_shows_in_the_mirror(tmp_path: Path) -> None:
    only_left = [query for query in LATERAL if query.references == ("left",)]
    rows = Mirror().rows(subject(tmp_path, blind, only_left))
    score = next(row for row in rows if row.measure == "em")
    assert score.estimate.mean == 0.0
    assert score.difference is not None
    assert score.difference.difference.mean == -1.0
    assert means(rows, "mirrored answer") == {"mirrored": 0.0}


def test_leak_panel_of_a_geometric_model(tmp_path: Path) -> None:
    rows = LeakPanel().rows(subject(tmp_path, geometric, selections()))
    found = means(rows, "accuracy")
    assert found["as the run asks"] == 1.0
    # In the world's axes the chair is always at +y: right for those who look along +x.
    assert found["words without pose"] == 0.5
    # Without words it looks to the right, which the chair is for half of the askers.
    assert found["pose without words"] == 0.5
    assert 0.0 < (found["a random camera of the scan"] or 0.0) < 1.0
    axis = "the object nearest to the forward axis, no model"
    row = next(r for r in rows if (r.label, r.subset) == (axis, "all"))
    assert row.difference is not None
    assert row.estimate.mean is not None
    assert row.difference.difference.mean == pytest.approx(row.estimate.mean - 1.0)


def test_noise_on_the_heading_costs_a_geometric_model_and_no_blind_one(tmp_path: Path) -> None:
    curve = means(YawNoise().rows(subject(tmp_path, geometric)), "em")
    assert curve["as the run asks"] == curve["within 5 degrees"] == 1.0
    assert (curve["within 180 degrees"] or 0.0) < 0.9
    flat = means(YawNoise().rows(subject(tmp_path, blind)), "em")
    assert set(flat.values()) == {0.5}


def test_pose_sources_compare_with_the_true_pose(tmp_path: Path) -> None:
    rows = PoseSources().rows(subject(tmp_path, geometric))
    assert means(rows, "em")["the asker's own pose"] == 1.0


def test_what_does_not_apply_says_why(tmp_path: Path) -> None:
    plain = subject(tmp_path, geometric, settings=PLAIN)
    assert PoseRotation().reason_to_skip(plain) == "the run's model sees no pose"
    assert WorldRotation().reason_to_skip(plain) == ""
    unannotated = [replace(query, annotated_pose=None) for query in LATERAL]
    reason = PoseSources().reason_to_skip(subject(tmp_path, geometric, unannotated))
    assert reason == "the data set gives no asker's poses"


@pytest.mark.parametrize("selector", [Top(), RandomFrame()], ids=["top", "random"])
def test_views_of_a_selector(tmp_path: Path, selector: Selector) -> None:
    """Cameras 0 and 2 see the chair from one end, 1 and 3 from the other."""
    queries = [replace(query, annotated_pose=None) for query in LATERAL[:2]]
    asked = subject(tmp_path, geometric, queries, selector=selector)
    found = {measure: means(ViewsAgreement().rows(asked), measure) for measure in MEASURES}
    over, largest = (next(iter(found[measure].values())) for measure in MEASURES)
    assert largest is not None
    assert over is not None
    if selector.name == "top":
        assert (over, largest) == (0.0, 0.0)
    else:
        assert 0.0 <= over <= 0.6
        assert 60 < largest < 120


def test_spread_of_views() -> None:
    opposite = view_spread(np.radians([0.0, 180.0]))
    assert opposite.largest_deg == pytest.approx(180.0)
    assert (opposite.over_90, opposite.over_150) == (1.0, 1.0)
    assert opposite.resultant == pytest.approx(0.0)
    near = view_spread(np.radians([179.0, -179.0]))
    assert near.largest_deg == pytest.approx(2.0)
    assert near.over_90 == 0.0
    # Of three draws, two of the three pairs are 120 degrees or more apart, counted both ways.
    three = view_spread(np.radians([0.0, 0.0, 120.0]))
    assert three.over_90 == pytest.approx(2 / 3)
    assert three.over_150 == 0.0
    assert view_spread(np.array([1.0])).resultant == pytest.approx(1.0)
    assert view_spread(np.array([1.0])).over_90 == 0.0


def test_histogram_of_views_by_hand(tmp_path: Path) -> None:
    """What 64 draws are for each question is replaced by bearings whose angles are known."""
    asked = subject(tmp_path, geometric, [replace(q, annotated_pose=None) for q in LATERAL[:3]])
    probe = ViewsAgreement()
    keys = [query.query_id for query in asked.queries]
    probe._drawn["toy"] = {
        # Angles 5, 180 and 175: one of three pairs in the first bin, two in the last.
        keys[0]: _Views([np.radians([0.0, 5.0, 180.0])], 0.0),
        # Two targets, 95 and 0 degrees, as many draws of each; half of the draws look down.
        keys[1]: _Views([np.radians([-170.0, 95.0]), np.radians([30.0, 30.0])], 0.5),
    }
    tables = probe.tables(asked)
    assert [row["query_id"] for row in tables["questions"]] == keys[:2]
    assert [row["n_draws"] for row in tables["questions"]] == [3, 4]
    assert [row["seen_from_nearly_above"] for row in tables["questions"]] == [0.0, 0.5]
    largest = [row["largest_deg"] for row in tables["questions"]]
    assert largest == pytest.approx([180.0, 47.5])
    bins = {row["from_deg"]: row for row in tables["histogram"] if row["subset"] == "all"}
    counts = {low: row["n_questions_by_largest_angle"] for low, row in bins.items()}
    assert {low: n for low, n in counts.items() if n} == {40: 1, 170: 1}
    shares = {low: row["share_of_pairs_of_draws"] for low, row in bins.items()}
    assert {low: share for low, share in shares.items() if share} == pytest.approx(
        {0: (1 / 3 + 1 / 2) / 2, 90: 1 / 4, 170: 1 / 3}
    )
