from __future__ import annotations

import csv
import io
import json
import math

import pytest

from posealign_core.evaluation.statistics import Estimate
from posealign_core.report.html_table import to_html
from posealign_core.report.tables import (
    Cell,
    Column,
    Kind,
    Table,
    cell_text,
    table_to_json,
    to_csv,
    to_markdown,
)

ESTIMATE = Estimate(mean=0.6125, low=0.55, high=0.671, n=160, n_scenes=8)
TABLE = Table(
    key="t",
    title="Title",
    columns=(
        Column("Backbone"),
        Column("Alignment"),
        Column("Accuracy, %", "percent"),
        Column("n", "count"),
    ),
    rows=(
        ("a|b", "baseline", ESTIMATE, 1600),
        ("a|b", "<b>x</b>", 0.5, None),
    ),
    note="A note.",
)


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (0.6125, "percent", "61.3"),
        (ESTIMATE, "percent", "61.3 [55.0, 67.1]"),
        (0.123, "points", "+12.3"),
        (-0.0831, "points", "−8.3"),
        (0.00004, "p_value", "< 0.001"),
        (0.0312, "p_value", "0.031"),
        (1600, "count", "1,600"),
        ("word", "text", "word"),
        (None, "percent", "–"),
        (math.nan, "percent", "–"),
        (
            Estimate(mean=0.5, low=None, high=None, n=3, n_scenes=1),
            "percent",
            "50.0 [one scene, no interval]",
        ),
    ],
)
def test_cells_read_as_people_write_them(cell: Cell, kind: Kind, text: str) -> None:
    assert cell_text(cell, kind) == text


def test_markdown() -> None:
    assert to_markdown(TABLE) == (
        "### Title\n\nA note.\n\n"
        "| Backbone | Alignment | Accuracy, % | n |\n"
        "| --- | --- | ---: | ---: |\n"
        "| a\\|b | baseline | 61.3 [55.0, 67.1] | 1,600 |\n"
        "| a\\|b | <b>x</b> | 50.0 | – |\n"
    )


def test_csv_keeps_all_digits_and_spreads_estimates() -> None:
    heading, first, second = csv.reader(io.StringIO(to_csv(TABLE)))
    assert heading == [
        "Backbone",
        "Alignment",
        "Accuracy, %",
        "Accuracy, %_low",
        "Accuracy, %_high",
        "Accuracy, %_n",
        "n",
    ]
    assert first == ["a|b", "baseline", "0.6125", "0.55", "0.671", "160", "1600"]
    assert second == ["a|b", "<b>x</b>", "0.5", "", "", "", ""]


def test_json_keeps_all_digits() -> None:
    plain = json.loads(json.dumps(table_to_json(TABLE)))
    assert plain["rows"][0]["Accuracy, %"]["mean"] == 0.6125
    assert plain["rows"][1] == {
        "Backbone": "a|b",
        "Alignment": "<b>x</b>",
        "Accuracy, %": 0.5,
        "n": None,
    }


def test_html_escapes_and_marks_repeated_words() -> None:
    html = to_html(TABLE)
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x</b>" not in html
    assert html.count('class="text same"') == 1
    assert '61.3</span><span class="ci">55.0 to 67.1</span>' in html
