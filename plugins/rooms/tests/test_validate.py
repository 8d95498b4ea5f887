from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from posealign_core.cli.main import main
from posealign_core.errors import DataError
from posealign_core.geometry import Frame, RigidTransform
from posealign_core.host import build_host
from posealign_core.recover import Annotated, Given, RecoverSettings
from posealign_core.registry import resolve
from posealign_rooms.claims import claims_of
from posealign_rooms.validate import Comparison, summarise, validate_recover

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::posealign_core.errors.PoseAlignWarning")
SETTINGS = (RecoverSettings(rule="box", every=1),)


@pytest.fixture(scope="module")
def host():
    return build_host(entry_points=False)


@pytest.fixture(scope="module")
def dataset(host, tree: Path):
    return resolve(host.datasets["scannet"])(tree)


@pytest.fixture(scope="module")
def queries(host, tree: Path):
    return [
        q
        for name in ("scanrefer", "nr3d", "scanqa")
        for split in ("train", "val")
        for q in resolve(host.benchmarks[name])(tree / "annotations").queries(split)
    ]


def agreement(dataset, claims, *selectors):
    comparison = Comparison(
        dataset=dataset, claims=claims, settings=SETTINGS, selectors=selectors, seed=0
    )
    return summarise([check for scene_id in claims for check in comparison.check(scene_id)])


def turned(query, degrees: float):
    """The query with its asker's camera turned about the upright axis through its place."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = query.annotated_pose.matrix.copy()
    matrix[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ matrix[:3, :3]
    return replace(query, annotated_pose=RigidTransform(matrix, Frame.WORLD, Frame.CAMERA))


def test_only_claims_about_two_objects_count(queries) -> None:
    claims = claims_of(queries)
    flat = [claim for group in claims.values() for claim in group]
    assert 10 < len(flat) < len(queries) / 2
    assert {claim.lateral for claim in flat} == {True, False}
    for claim in flat:
        assert claim.query.extra["direction_critical"] == "true"
        side = json.loads(claim.query.extra["relation"])[0]
        assert claim.lateral == (side in {"left", "right"})


def test_the_askers_own_pose_agrees_with_itself(dataset, queries) -> None:
    (row,) = agreement(dataset, claims_of(queries), Annotated())
    assert row.yaw_deg.mean == 0
    assert row.position_m.mean == 0
    assert row.lateral_same.mean == row.depth_same.mean == 1
    assert row.opposite.mean == 0


def test_a_view_from_behind_disagrees_in_everything(dataset, queries) -> None:
    """Claims are about directions: a half turn on the spot swaps them all."""
    claims = claims_of(queries)
    swapped = {
        scene_id: [
            replace(claim, query=turned(claim.query, 180.0), pose=claim.pose) for claim in group
        ]
        for scene_id, group in claims.items()
    }
    (row,) = agreement(dataset, swapped, Annotated())
    assert row.yaw_deg.mean == pytest.approx(180.0)
    assert row.position_m.mean == 0
    assert row.lateral_same.mean == row.depth_same.mean == 0
    assert row.opposite.mean == 1


def test_a_quarter_turn_is_not_opposite(dataset, queries) -> None:
    claims = {
        scene_id: [replace(c, query=turned(c.query, 90.0)) for c in group]
        for scene_id, group in claims_of(queries).items()
    }
    (row,) = agreement(dataset, claims, Annotated())
    assert row.yaw_median_deg == pytest.approx(90.0)
    assert row.opposite.mean == 0


def test_a_given_frame_is_compared_by_hand(dataset, queries) -> None:
    claims = claims_of(queries)
    scene_id = min(claims)
    (row,) = agreement(dataset, {scene_id: claims[scene_id]}, Given(frame_id="0"))
    first = dataset.trajectory(scene_id).world_from_camera[0]
    errors = []
    for claim in claims[scene_id]:
        one, two = first[:2, 2], claim.pose.matrix[:2, 2]
        cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
        errors.append(np.degrees(np.arccos(cosine)))
    assert row.yaw_deg.mean == pytest.approx(np.mean(errors))
    assert row.yaw_median_deg == pytest.approx(np.median(errors))


def test_recovered_poses_agree_more_often_than_not(host, tree: Path) -> None:
    rows = validate_recover(
        host,
        tree,
        split="train",
        benchmarks=["scanrefer", "scanqa"],
        rules=["surface", "released"],
        selectors=["top", "random"],
        every=2,
        seed=0,
        jobs=1,
    )
    assert [(r.rule, r.selector) for r in rows] == [
        ("surface", "top"), ("surface", "random"), ("released", "top"), ("released", "random"),
    ]  # fmt: skip
    assert rows[0].lateral_same.mean > 0.7
    assert rows[0].lateral_same.n + rows[0].depth_same.n == rows[0].yaw_deg.n


def test_command_line(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rooms", "validate-recover", str(tree), "--rules", "box", "--selectors", "top"]
    assert main([*words, "--every", "2", "--jobs", "1"]) == 0
    table = capsys.readouterr().out
    assert "left-right" in table
    assert main([*words, "--every", "2", "--jobs", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["rule"], row["selector"]) == ("box", "top")
    assert f"{100 * row['lateral_same']['mean']:.1f}" in table


def test_files_without_relations_are_refused(queries) -> None:
    plain = [q for q in queries if q.extra["direction_critical"] == "false"]
    with pytest.raises(DataError, match="found none"):
        claims_of(plain)
