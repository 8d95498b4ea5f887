from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from made_run import STRONG, WEAK, MadeRun

from posealign_core.cli.main import run_verb
from posealign_core.errors import DataError
from posealign_core.evaluation import paper_match
from posealign_core.host import build_host
from posealign_core.report.collect import collect_runs
from posealign_core.report.comparison import comparison_table
from posealign_core.report.scores import group_runs, variant_words
from posealign_core.report.tables import table_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLIP = {"name": "clip", "ratio": 0.3}


def rows(paths: Sequence[Path], **options: Any) -> list[dict[str, Any]]:
    groups = group_runs(collect_runs(paths))
    found: list[dict[str, Any]] = table_to_json(comparison_table(groups, **options))["rows"]
    return found


def test_seeds_are_pooled_and_paired_with_the_baseline(tmp_path: Path) -> None:
    paths = [
        MadeRun(f"b{seed}", seed=seed, scores={"scanqa": WEAK}).write(tmp_path) for seed in (0, 1)
    ]
    paths += [
        MadeRun("t0", modes=("transform",), selector=CLIP, scores={"scanqa": STRONG}).write(
            tmp_path
        ),
        MadeRun("t1", modes=("transform",), selector=CLIP, seed=1, scores={"scanqa": WEAK}).write(
            tmp_path
        ),
    ]
    base, turned = rows(paths)
    assert (base["Mode"], base["Poses"], base["Runs"]) == ("baseline", None, 2)
    assert base["Value, %"]["mean"] == pytest.approx(8 / 12)
    assert base["Value, %"]["between_runs"]["deviation"] == 0
    assert base["To baseline"] is None
    assert (turned["Mode"], turned["Poses"], turned["Runs"]) == ("transform", "clip (ratio 0.3)", 2)
    assert turned["Value, %"]["mean"] == pytest.approx(9 / 12)
    assert turned["Value, %"]["between_runs"]["deviation"] == pytest.approx(2 / 12 / 2**0.5)
    assert turned["Value, %"]["between_runs"]["n_draws"] == 2
    assert turned["To baseline"]["mean"] == pytest.approx(1 / 12)
    assert turned["Questions"] == 12
    critical = rows(paths, subset="direction_critical")[1]
    assert critical["To baseline"]["mean"] == pytest.approx(1.5 / 6)


def test_other_questions_are_not_paired(tmp_path: Path) -> None:
    paths = [
        MadeRun("base", scores={"scanqa": WEAK}).write(tmp_path),
        MadeRun("part", modes=("embed",), scores={"scanqa": STRONG[:8]}).write(tmp_path),
    ]
    _, part = rows(paths)
    assert part.get("To baseline") is None
    assert part["Questions"] == 8


def test_paper_and_band_stand_beside_whole_benchmarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_match, "_FULL", {("scanrefer", "val"): len(WEAK)})
    paths = [
        MadeRun(
            f"b{seed}",
            backbone="3d_llava",
            seed=seed,
            metric="mask_iou",
            scores={"scanrefer": WEAK},
        ).write(tmp_path)
        for seed in range(3)
    ]
    (row,) = rows(paths)
    assert row["Paper, %"] == 42.6
    assert row["Paper's row"] == "3D-LLaVA (Table 1, page 6)"
    assert row["Band"] == "41.6 to 43.6: missed"
    assert rows(paths[:2])[0]["Band"] == "41.6 to 43.6: wants 3 runs"
    assert "Paper, %" not in rows(paths, subset="other")[0]


def test_what_differs_becomes_part_of_the_name() -> None:
    configs = [
        {
            "seed": 0,
            "train": {"max_steps": 2},
            "output": {"name": "a"},
            "align": {"modes": ["embed"]},
        },
        {
            "seed": 1,
            "train": {"max_steps": 4},
            "output": {"name": "b"},
            "align": {"modes": ["embed"]},
        },
    ]
    assert variant_words(configs) == ["max_steps 2", "max_steps 4"]
    assert variant_words(configs[:1]) == [""]


def test_one_seed_counts_once(tmp_path: Path) -> None:
    paths = [MadeRun(name, scores={"scanqa": WEAK}).write(tmp_path) for name in "ab"]
    with pytest.raises(DataError, match="found seed 0 in a, b"):
        group_runs(collect_runs(paths))


def test_verb_prints_both_forms_and_names_what_there_is(
    made_runs: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    host = build_host(entry_points=False)
    root = str(made_runs[0].parent)
    MadeRun("unscored").write(made_runs[0].parent)
    assert run_verb(host, "compare", [root]) == 0
    shown = capsys.readouterr().out
    assert "+16.7 [" in shown
    assert "left out: unscored: it has no scores yet" in shown
    assert run_verb(host, "compare", [root, "--metrics", "em", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert {row["Metric"] for row in plain["rows"]} == {"em"}
    with pytest.raises(DataError, match="found nr3d: accuracy; subsets all, direction_critical"):
        run_verb(host, "compare", [root, "--metrics", "cider"])


def test_different_protocols_are_refused_in_one_line(tmp_path: Path) -> None:
    one = MadeRun("a", scores={"scanqa": WEAK}).write(tmp_path)
    other = MadeRun("b", seed=1, scores={"scanqa": WEAK}).write(tmp_path)
    path = other / "results" / "scanqa.json"
    path.write_text(path.read_text("utf-8").replace('"strict"', '"official"'), "utf-8")
    with pytest.raises(DataError) as caught:
        collect_runs([one, other])
    assert "wanted results of one protocol" in str(caught.value)
    assert "\n" not in str(caught.value)
