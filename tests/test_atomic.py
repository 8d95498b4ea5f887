from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from posealign_core.atomic import atomic_path, write_text
from posealign_core.errors import PoseAlignError

if TYPE_CHECKING:
    from pathlib import Path


def test_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "file.txt"
    write_text(target, "old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half", encoding="utf-8")
            assert target.read_text(encoding="utf-8") == "old"
            raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        fail()
    assert target.read_text(encoding="utf-8") == "old"
    assert list(target.parent.iterdir()) == [target]
    write_text(target, "new")
    assert target.read_text(encoding="utf-8") == "new"


def test_temporary_file_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "x.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path


def test_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PoseAlignError, match="cannot write"):
        write_text(tmp_path / "file" / "x", "text")
