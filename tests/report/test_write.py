from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from made_run import WEAK, MadeRun

from posealign_core.errors import DataError
from posealign_core.evaluation.probes.result import ProbeResult, ProbeRow, save_probe
from posealign_core.evaluation.statistics import Estimate, PairedDifference
from posealign_core.host import build_host
from posealign_core.report.write import write_report

if TYPE_CHECKING:
    from pathlib import Path


class Balance(HTMLParser):
    """Complains about tags that are not closed in order."""

    VOID = frozenset({"meta", "img", "br", "link", "path", "use", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture
def written(made_runs: list[Path], tmp_path: Path) -> list[Path]:
    return write_report(
        build_host(entry_points=False),
        made_runs,
        tmp_path / "out" / "report.html",
        title="A <title>",
        chance={"scanqa": {"all": 0.5}, "nr3d": {"all": 0.4}},
        left_out={"other": "its package is <missing>"},
    )


def test_page_stands_alone(written: list[Path]) -> None:
    page = written[0].read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", page)
    assert not re.findall(r"url\((?!#)", page)
    assert page.count("<script>") == 1
    balance = Balance()
    balance.feed(page)
    assert balance.open == []


def test_page_shows_the_numbers_that_it_was_given(written: list[Path]) -> None:
    page = written[0].read_text(encoding="utf-8")
    for text in (
        "A &lt;title&gt;",
        "its package is &lt;missing&gt;",
        "+50.0 points",
        "33.3 → 83.3 %",
        "24 questions of nr3d, scanqa",
        "posealign 9.8.7 (c0ffeec0)",
        "2 x nothing sees it",
        "posealign run -o output.name=toy-transform",
        "best without the pose",
    ):
        assert text in page, text
    assert page.count("<svg") == 3


def test_tables_are_written_in_all_forms(written: list[Path]) -> None:
    names = sorted(path.name for path in written)
    assert names == [
        "report.html",
        "report.json",
        "report.md",
        "report_benchmarks.csv",
        "report_comparison.csv",
        "report_differences.csv",
        "report_headline.csv",
        "report_metrics.csv",
        "report_poses.csv",
        "report_runs.csv",
    ]
    (json_path,) = (path for path in written if path.suffix == ".json")
    tables = {table["key"]: table for table in json.loads(json_path.read_text(encoding="utf-8"))}
    row = tables["headline"]["rows"][-1]
    assert row["Direction-critical, %"]["mean"] == pytest.approx(5 / 6)
    assert row["Direction-critical, %"]["n"] == 12


def test_run_without_any_metric_still_has_a_report(tmp_path: Path) -> None:
    path = MadeRun("captions", scores={"scan2cap": WEAK}, metric="").write(tmp_path)
    page, *_ = write_report(build_host(entry_points=False), [path], tmp_path / "report.html")
    assert "captions" in page.read_text(encoding="utf-8")


def test_samples_say_why_they_are_missing(written: list[Path]) -> None:
    page = written[0].read_text(encoding="utf-8")
    assert "Left out, because the data could not be read" in page
    assert "no backbone named &#x27;toy&#x27;" in page


def test_equal_runs_make_equal_pages(
    written: list[Path], made_runs: list[Path], tmp_path: Path
) -> None:
    first = written[0].read_text(encoding="utf-8")
    host = build_host(entry_points=False)
    again = write_report(
        host,
        made_runs,
        tmp_path / "again" / "report.html",
        title="A <title>",
        chance={"scanqa": {"all": 0.5}, "nr3d": {"all": 0.4}},
        left_out={"other": "its package is <missing>"},
    )
    assert again[0].read_text(encoding="utf-8") == first


def test_probes_have_a_panel_each(made_runs: list[Path], tmp_path: Path) -> None:
    def row(x: float, mean: float) -> ProbeRow:
        found = Estimate(mean=mean, low=mean - 0.1, high=mean + 0.1, n=12, n_scenes=3)
        lost = PairedDifference(difference=found, p_value=0.25, n_better=0, n_worse=2)
        return ProbeRow(
            benchmark="scanqa",
            label=f"<{x} degrees>",
            measure="em",
            estimate=found,
            difference=lost,
            expected=0.75,
            x=x,
        )

    turn = Estimate(mean=12.5, low=None, high=None, n=4, n_scenes=1)
    angle = ProbeRow(
        benchmark="scanqa", label="error", measure="yaw", estimate=turn, unit="degrees"
    )
    noise = ProbeResult(
        name="noise",
        title="Pose <noise>",
        shows="How much a wrong pose costs",
        run_id="r",
        protocols={},
        rows=(row(0.0, 0.8), row(15.0, 0.6), angle),
        axis="yaw, degrees",
        remarks={"nr3d": "left out"},
    )
    save_probe(made_runs[0] / "probes" / "noise.json", noise)
    host = build_host(entry_points=False)
    page, *_ = write_report(host, made_runs, tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    for words in (
        "<h3>Pose &lt;noise&gt;</h3>",
        "&lt;15.0 degrees&gt;",
        "nr3d: left out",
        "one scene, no interval",
        ">12.5<",
        ">75.0<",
        "yaw, degrees",
    ):
        assert words in text, words
    assert text.count("<svg") == 4
    (path,) = (made_runs[0] / "probes").glob("*.json")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="is no result of a probe"):
        write_report(host, made_runs, tmp_path / "report.html")


def test_page_allows_its_own_script_only(written: list[Path]) -> None:
    page = written[0].read_text(encoding="utf-8")
    script = page.partition("<script>")[2].partition("</script>")[0]
    sha = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{sha}'" in page
    assert "default-src 'none'" in page
