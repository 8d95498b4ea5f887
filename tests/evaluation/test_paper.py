from __future__ import annotations

import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation.paper import BANDS, paper_tables
from posealign_core.evaluation.statistics import Estimate


def value(table: str, row: str, column: str) -> float:
    found = paper_tables()[table].value(row, column)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("column", "gain"),
    [
        ("scanrefer mask_iou", 30.0),
        ("multi3drefer mask_iou", 12.9),
        ("scanqa judge", 3.5),
        ("scan2cap judge", 11.7),
    ],
)
def test_headline_gains_follow_from_the_main_table(column: str, gain: float) -> None:
    before, after = value("main", "3D-LLaVA", column), value("main", "3D-LLaVA + T", column)
    assert 100 * (after - before) / before == pytest.approx(gain, abs=0.06)


def test_tables_agree_with_each_other() -> None:
    clip, main = paper_tables()["clip_transform"], paper_tables()["main"]
    for column in set(clip.columns) & set(main.columns):
        assert clip.value("0.3", column) == main.value("3D-LLaVA + T", column)
        assert clip.value("baseline", column) == main.value("3D-LLaVA", column)
    # The main row of Chat-Scene + E is the one of ratio 0.2.
    embed = paper_tables()["clip_embed"]
    for column in set(embed.columns) & set(main.columns):
        assert embed.value("0.2", column) == main.value("Chat-Scene + E", column)


def test_subsets_average_to_the_whole() -> None:
    """Judge accuracy is additive: its share-weighted mean is the full figure, to rounding."""
    for benchmark, name in (("scanqa", "ScanQA"), ("scan2cap", "Scan2Cap")):
        share = value("direction_critical_share", name, "share") / 100
        for model in ("baseline", "+ T"):
            critical, complement, full = (
                value("direction_critical", f"{model}, {part}", f"{benchmark} judge")
                for part in ("direction-critical", "complement", "full")
            )
            mean = share * critical + (1 - share) * complement
            assert mean == pytest.approx(full, abs=0.16)


def test_rows_are_as_long_as_their_headings() -> None:
    for table in paper_tables().values():
        assert {len(row) for row in table.rows.values()} == {len(table.columns)}
        assert table.where


def test_what_is_not_reported() -> None:
    assert paper_tables()["main"].value("LL3DA + T", "scan2cap judge") is None
    with pytest.raises(DataError, match="Table 2, page 7: wanted 'sqa3d em'"):
        paper_tables()["design"].value("T, Top", "sqa3d em")


def estimate(mean: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(mean=mean, low=low, high=high, n=9, n_scenes=3)


@pytest.mark.parametrize(
    ("band", "found", "passes"),
    [
        ("baseline", estimate(0.426), True),
        ("baseline", estimate(0.437), False),
        ("top", estimate(0.685, 0.60, 0.75), True),
        ("baseline on posed data", estimate(-0.05), True),
        ("baseline on posed data", estimate(0.05), False),
        ("judge", estimate(0.016, 0.002, 0.03), True),
        ("judge", estimate(0.016, -0.002, 0.03), False),
        ("judge", estimate(0.016), False),
        ("clip", estimate(None), False),
    ],
)
def test_bands(band: str, found: Estimate, passes: bool) -> None:
    assert BANDS[band].holds(found) is passes


def test_published_figures_pass_their_own_bands() -> None:
    figures = {
        "baseline": value("design", "baseline", "scanrefer mask_iou"),
        "clip": value("design", "T, Clip X=0.3", "scanrefer mask_iou"),
        "top": value("design", "T, Top", "scanrefer mask_iou"),
        "baseline on posed data": value("design", "baseline weights, T data", "scanrefer mask_iou")
        - value("design", "baseline", "scanrefer mask_iou"),
        "random poses at test": 42.9,
    }
    assert all(BANDS[name].holds(estimate(figure / 100)) for name, figure in figures.items())
