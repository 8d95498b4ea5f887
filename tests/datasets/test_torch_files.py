from __future__ import annotations

import pytest
import torch

from posealign_core.datasets.safe_load import load_torch
from posealign_core.datasets.torch_files import save_torch
from posealign_core.errors import PoseAlignError


def test_equal_values_give_equal_files_whatever_their_names(tmp_path):
    values = {"a": torch.arange(3.0), "b": ["x", 2]}
    for name in ("one.pt", "deep/another.pt"):
        save_torch(tmp_path / name, values)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "deep" / "another.pt").read_bytes()
    found = load_torch(tmp_path / "one.pt")
    assert torch.equal(found["a"], values["a"])
    assert found["b"] == values["b"]


def test_a_file_stays_as_it_was_where_saving_fails(tmp_path):
    path = tmp_path / "x.pt"
    save_torch(path, [1])
    with pytest.raises(AttributeError):
        save_torch(path, lambda: None)
    assert load_torch(path) == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["x.pt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PoseAlignError, match="cannot write"):
        save_torch(tmp_path / "file" / "x.pt", [1])
