from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from posealign_core.config.schema import BackboneConfig, DatasetConfig, RunConfig
from posealign_core.errors import DataError
from posealign_core.runs.materials import Materials

if TYPE_CHECKING:
    from pathlib import Path

NAME = "scannetv2-labels.combined.tsv"
TEXT = "raw_category\tnyu40id\tnyu40class\narmchair\t5\tchair\n"


def materials(root: Path, **dataset: Any) -> Materials:
    config = RunConfig(
        dataset=DatasetConfig(name="scannet", root=root, **dataset),
        backbone=BackboneConfig(name="toy"),
    )
    return Materials(cast("Any", None), cast("Any", SimpleNamespace(config=config)))


def test_found_beside_annotations_then_beside_scans(tmp_path: Path) -> None:
    annotations = tmp_path / "annotations"
    annotations.mkdir()
    assert materials(tmp_path, annotations=annotations).class_of is None
    assert materials(tmp_path, annotations=annotations).label_map_digest == ""
    (tmp_path / NAME).write_text(TEXT, encoding="utf-8")
    found = materials(tmp_path, annotations=annotations)
    assert found.class_of == {"armchair": "chair"}
    digest = found.label_map_digest
    (annotations / NAME).write_text(TEXT.replace("chair\n", "sofa\n"), encoding="utf-8")
    nearer = materials(tmp_path, annotations=annotations)
    assert nearer.class_of == {"armchair": "sofa"}
    assert nearer.label_map_digest != digest


def test_named_but_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wanted ScanNet's label map"):
        _ = materials(tmp_path, label_map=tmp_path / "x.tsv").class_of
    (tmp_path / "x.tsv").write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(DataError, match="wanted the columns"):
        _ = materials(tmp_path, label_map=tmp_path / "x.tsv").class_of
