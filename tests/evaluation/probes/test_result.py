from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation.probes import ProbeResult, ProbeRow, load_probe, save_probe
from posealign_core.evaluation.statistics import estimate, paired_difference

if TYPE_CHECKING:
    from pathlib import Path

SCENES = ["a", "a", "b"]


def result() -> ProbeResult:
    row = ProbeRow(
        benchmark="scanqa",
        label="world turned by 90 degrees",
        measure="em",
        estimate=estimate([1, 0, 1], SCENES),
        subset="direction_critical",
        difference=paired_difference([1, 0, 1], [1, 1, 1], SCENES),
        expected=1.0,
        x=90.0,
    )
    plain = ProbeRow(benchmark="b", label="l", measure="m", estimate=estimate([0.5], ["a"]))
    return ProbeResult(
        name="world_rotation",
        title="t",
        shows="s",
        run_id="run-1",
        protocols={"scanqa": "strict version 1"},
        rows=(row, plain),
        axis="degrees",
        remarks={"nr3d": "left out: why"},
    )


def test_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "probes" / "world_rotation.json"
    path.parent.mkdir()
    save_probe(path, result())
    assert load_probe(path) == result()


@pytest.mark.parametrize("damage", ["missing", "cut", "other schema", "other fields", "a list"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "p.json"
    save_probe(path, result())
    text = path.read_text(encoding="utf-8")
    values = json.loads(text)
    damaged = {
        "cut": text[: len(text) // 2],
        "other schema": json.dumps({**values, "schema_version": 99}),
        "other fields": json.dumps({**values, "rows": [{"label": "x"}]}),
        "a list": "[]",
    }
    path.unlink() if damage == "missing" else path.write_text(damaged[damage], encoding="utf-8")
    with pytest.raises(DataError, match="probe again"):
        load_probe(path)
