from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from made_run import STRONG, WEAK, MadeRun

from posealign_core.errors import DataError
from posealign_core.report.collect import collect_runs, find_runs
from posealign_core.report.content import (
    benchmark_table,
    difference_table,
    headline_table,
    pose_table,
)
from posealign_core.report.costs import cost_table
from posealign_core.report.scores import Chance, group_runs

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.report.tables import Cell

CHANCE = Chance(
    {
        "scanqa": {"all": 0.5, "direction_critical": 0.25, "other": 0.75},
        "nr3d": {"all": 0.4, "direction_critical": 0.35, "other": 0.45},
    }
)
CLIP = "transform, clip (ratio 0.3)"


def means(row: tuple[Cell, ...]) -> list[object]:
    estimates = [getattr(cell, "estimate", cell) for cell in row]
    return [getattr(cell, "mean", cell) for cell in estimates]


def test_runs_are_found_and_baselines_come_first(made_runs: list[Path], tmp_path: Path) -> None:
    unscored = MadeRun("unscored").write(tmp_path / "runs")
    left_out = {"unscored": "it has no scores yet"}
    assert find_runs([tmp_path, made_runs[0]]) == (sorted(made_runs), left_out)
    assert find_runs([unscored]) == ([unscored], {})
    runs = collect_runs(made_runs)
    assert [(run.backbone, run.alignment, run.seed) for run in runs] == [
        ("toy", "baseline", 0),
        ("toy", CLIP, 0),
    ]
    assert runs[0].losses[0] == (10, 1.9)


def test_alignment_says_all_that_is_not_the_default(tmp_path: Path) -> None:
    made = MadeRun("x", modes=("transform", "embed"), scores={"scanqa": WEAK})
    (run,) = collect_runs([made.write(tmp_path)])
    assert run.alignment == "transform + embed, top"
    run.record.config["align"].update(ego_frame="level", fidelity="released")  # type: ignore[attr-defined]
    assert run.alignment == "transform + embed, level, top, released"


def test_modes_are_ordered_as_the_vocabulary_lists_them(tmp_path: Path) -> None:
    modes: list[tuple[str, ...]] = [("embed",), ("prompt",), (), ("transform",)]
    paths = [
        MadeRun(f"x{i}", modes=m, scores={"scanqa": WEAK}).write(tmp_path)
        for i, m in enumerate(modes)
    ]
    found = [run.alignment.partition(",")[0] for run in collect_runs(paths)]
    assert found == ["baseline", "transform", "prompt", "embed"]


def test_headline_pools_the_benchmarks(made_runs: list[Path]) -> None:
    table = headline_table(group_runs(collect_runs(made_runs)), CHANCE)
    chance, base, turned = map(means, table.rows)
    assert chance == [None, "best without the pose", None, 0.45, 0.3, 0.6, None]
    assert base == ["toy", "baseline", 1, 8 / 12, 2 / 6, 1.0, 24]
    assert turned == ["toy", CLIP, 1, pytest.approx(10 / 12), pytest.approx(5 / 6), 5 / 6, 24]


def test_chance_is_left_out_where_a_benchmark_has_none(made_runs: list[Path]) -> None:
    groups = group_runs(collect_runs(made_runs))
    assert len(headline_table(groups, Chance({"scanqa": {"all": 0.5}})).rows) == 2


def test_chance_is_left_out_where_backbones_were_asked_different_questions(tmp_path: Path) -> None:
    paths = [
        MadeRun("a", backbone="a", scores={"scanqa": WEAK}).write(tmp_path),
        MadeRun("b", backbone="b", scores={"scanqa": WEAK, "nr3d": WEAK}).write(tmp_path),
    ]
    table = headline_table(group_runs(collect_runs(paths)), CHANCE)
    assert [row[0] for row in table.rows] == ["a", "b"]


def test_differences_count_questions(made_runs: list[Path]) -> None:
    table = difference_table(group_runs(collect_runs(made_runs)))
    rows = {row[2]: means(row)[3:] for row in table.rows}
    # Per benchmark three critical questions became right; one other question became wrong.
    assert rows["Direction-critical"] == [pytest.approx(0.5), 6, 0, pytest.approx(2 / 2**6)]
    assert rows["Other"] == [pytest.approx(-1 / 6), 0, 2, pytest.approx(0.5)]
    assert rows["All"][1:3] == [6, 2]


def test_benchmarks_stand_apart(made_runs: list[Path]) -> None:
    rows = benchmark_table(group_runs(collect_runs(made_runs)), CHANCE).rows
    assert [row[:4] for row in rows[:3]] == [
        ("nr3d", "accuracy", None, "best without the pose"),
        ("nr3d", "accuracy", "toy", "baseline"),
        ("nr3d", "accuracy", "toy", CLIP),
    ]
    assert means(rows[4])[:5] == ["scanqa", "em", "toy", "baseline", 8 / 12]


def test_poses_and_runs_are_counted(made_runs: list[Path]) -> None:
    groups = group_runs(collect_runs(made_runs))
    poses = pose_table(groups)
    assert [column.name for column in poses.columns[2:5]] == ["fallback", "none", "recovered"]
    assert poses.rows[0][2:] == (2, 22, 0, "2 x nothing sees it")
    assert poses.rows[1][2:] == (2, 0, 22, "2 x nothing sees it")
    costs = cost_table(groups)
    row = dict(zip((column.name for column in costs.columns), costs.rows[0], strict=True))
    assert (row["Seed"], row["Last loss"], row["Training, s"]) == (0, 1.0, 12.5)
    assert (row["Answering, s"], row["Unanswered"], row["Device"]) == (None, 0, "abacus")
    assert (row["Judge tokens"], row["Peak memory, GiB"], row["Run"]) == (None, 2.5, "toy-baseline")


def test_seeds_are_averaged_question_by_question(tmp_path: Path) -> None:
    paths = [
        MadeRun(f"s{seed}", seed=seed, scores={"scanqa": scores}).write(tmp_path)
        for seed, scores in enumerate((WEAK, STRONG))
    ]
    paths.append(MadeRun("t", modes=("embed",), scores={"scanqa": STRONG}).write(tmp_path))
    base, turned = group_runs(collect_runs(paths))
    estimate = base.estimate("direction_critical")
    assert estimate is not None
    assert (estimate.mean, estimate.n) == (pytest.approx((2 + 5) / 12), 6)
    assert base.score(("scanqa", "q0")) == 0.5
    paired = turned.difference(base, "direction_critical")
    assert paired is not None
    assert paired.p_value is None
    assert paired.difference.mean == pytest.approx(1.5 / 6)


def test_runs_on_other_questions_are_refused(tmp_path: Path) -> None:
    one = MadeRun("a", scores={"scanqa": WEAK}).write(tmp_path)
    other = MadeRun("b", seed=1, scores={"scanqa": WEAK[:8]}).write(tmp_path)
    with pytest.raises(DataError, match="the same questions in the runs a, b"):
        group_runs(collect_runs([one, other]))
    aligned = MadeRun("c", modes=("embed",), scores={"scanqa": WEAK[:8]}).write(tmp_path)
    with pytest.raises(DataError, match="different questions"):
        difference_table(group_runs(collect_runs([one, aligned])))


def test_folders_without_scores_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one run folder"):
        collect_runs([])
    with pytest.raises(DataError, match=r"found no run\.json"):
        collect_runs([tmp_path])
    with pytest.raises(DataError, match="found none; run 'posealign run --run"):
        collect_runs([MadeRun("empty").write(tmp_path)])


def test_strong_beats_weak_as_the_comments_say() -> None:
    assert (sum(WEAK[::2]), sum(WEAK[1::2])) == (2, 6)
    assert (sum(STRONG[::2]), sum(STRONG[1::2])) == (5, 5)
