from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posealign_chat_scene.extraction.tables import (
    FeatureTable,
    PoseFeatures,
    YawFeatures,
    count_missing,
    feature_key,
    listed_objects,
    yaw_bin,
)
from posealign_core.errors import DataError, UnsafeFileError
from posealign_core.vocabulary import EgoFrame


@pytest.mark.parametrize(
    ("number", "name"), [(0, "s_00_00"), (7, "s_00_07"), (42, "s_00_42"), (123, "s_00_123")]
)
def test_a_key_has_two_digits_at_least(number, name):
    assert feature_key("s_00", number) == name


def test_rows_come_in_the_order_asked_for_and_missing_ones_are_zero(tmp_path):
    path = tmp_path / "feats.pt"
    torch.save({"s_00": torch.tensor([1.0, 2.0]), "s_02": torch.tensor([3.0, 4.0])}, path)
    found = FeatureTable.read(path).of("s", [2, 1, 0])
    assert found.values.tolist() == [[3, 4], [0, 0], [1, 2]]
    assert found.values.dtype == np.float32
    assert found.found.tolist() == [True, False, True]


def test_a_feature_that_is_not_finite_is_refused():
    table = FeatureTable({"s_00": torch.ones(2), "s_01": torch.tensor([1.0, torch.nan])}, "table")
    assert table.of("s", [0]).found.all()
    with pytest.raises(DataError, match="'s_01': wanted finite"):
        table.of("s", [0, 1])


def test_missing_features_are_counted_by_scan():
    table = FeatureTable({"a_00": torch.zeros(3), "b_01": torch.zeros(3)}, "table")
    missing = count_missing(table, [("a", [0, 1]), ("b", [1]), ("c", [5])])
    assert (missing.n_objects, missing.n_missing) == (4, 2)
    assert missing.by_scene == {"a": (1,), "c": (5,)}
    assert str(missing) == "2 of 4 objects in 2 scans"


@pytest.mark.parametrize(
    "vectors",
    [
        {},
        {"a_00": torch.zeros(3), "a_01": torch.zeros(4)},
        {"a_00": torch.zeros(2, 3)},
    ],
)
def test_a_table_without_equal_vectors_is_refused(vectors):
    with pytest.raises(DataError, match=r"table\.pt"):
        FeatureTable(vectors, "table.pt")


@pytest.mark.parametrize("values", [[torch.zeros(3)], {"a_00": [1.0]}, {3: torch.zeros(2)}])
def test_a_file_of_another_structure_is_refused(tmp_path, values):
    torch.save(values, tmp_path / "x.pt")
    with pytest.raises(DataError, match="wanted a tensor"):
        FeatureTable.read(tmp_path / "x.pt")


def test_a_file_that_asks_for_code_is_refused(tmp_path):
    torch.save({"a_00": print}, tmp_path / "x.pt")
    with pytest.raises(UnsafeFileError):
        FeatureTable.read(tmp_path / "x.pt")


@given(st.floats(-20, 20), st.integers(1, 36))
def test_the_bin_is_the_nearest_angle(heading, n_bins):
    k = yaw_bin(heading, n_bins)
    apart = (heading - 2 * math.pi * k / n_bins + math.pi) % (2 * math.pi) - math.pi
    assert 0 <= k < n_bins
    assert abs(apart) <= math.pi / n_bins + 1e-9


def test_the_row_of_a_heading_is_taken():
    table = YawFeatures({"s_00": torch.arange(8.0).view(4, 2).half()}, "yaws")
    assert (table.n_bins, table.dim) == (4, 2)
    assert table.of("s", [0, 1], math.pi / 2).values.tolist() == [[2, 3], [0, 0]]
    assert table.of("s", [0], -math.pi / 2).values.tolist() == [[6, 7]]
    assert table.of("s", [0], 0.1).values.tolist() == [[0, 1]]


def test_features_of_a_frame_are_read_or_missed_clearly(tmp_path):
    tables = PoseFeatures(tmp_path, EgoFrame.CAMERA)
    tables.path("s", "20").parent.mkdir()
    torch.save({"s_01": torch.ones(2)}, tables.path("s", "20"))
    assert tables.of("s", "20", [0, 1]).values.tolist() == [[0, 0], [1, 1]]
    with pytest.raises(DataError, match=r"frame '40'.*features-3d"):
        tables.of("s", "40", [0])


def test_objects_of_an_attribute_file_are_those_with_a_box(tmp_path):
    values = {
        "a": {"objects": ["x", "y", "z"], "locs": torch.ones(2, 6)},
        "b": {"objects": ["x"], "locs": torch.ones(1, 6), "obj_ids": [7]},
    }
    torch.save(values, tmp_path / "attributes.pt")
    assert listed_objects(tmp_path / "attributes.pt") == [("a", (0, 1)), ("b", (7,))]
