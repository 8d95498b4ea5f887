from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from made_run import WEAK, MadeRun

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
    assert "<script" not in page
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
    assert page.count("<svg") == 2


def test_tables_are_written_in_all_forms(written: list[Path]) -> None:
    names = sorted(path.name for path in written)
    assert names == [
        "report.html",
        "report.json",
        "report.md",
        "report_benchmarks.csv",
        "report_differences.csv",
        "report_headline.csv",
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
