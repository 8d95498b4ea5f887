from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from posealign_core.cli.main import main
from posealign_core.errors import DataError
from posealign_rooms.make import make_rooms
from posealign_rooms.plan import plan_room

if TYPE_CHECKING:
    from pathlib import Path


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "playground/poses" not in str(path)
    }


@pytest.fixture(scope="module")
def copy(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy") / "set"
    shutil.copytree(tree, root, symlinks=True)
    return root


def test_same_preset_and_seed_same_bytes(tree: Path, tiny, tmp_path: Path) -> None:
    """Also when another process count makes it."""
    make_rooms(tmp_path / "again", tiny, 3, jobs=2, stream=True)
    assert digests(tmp_path / "again") == digests(tree)


def test_another_seed_is_another_set(plans, tiny) -> None:
    assert plans[0].layout.objects != plan_room(tiny, 99, 0).layout.objects


def test_an_interrupted_set_is_finished(tree: Path, tiny, copy: Path) -> None:
    (copy / "shards" / "scene0001_00.json").unlink()
    (copy / "scans" / "scene0001_00" / "scene0001_00.txt").write_text("half")
    (copy / "annotations" / "nr3d.csv").unlink()
    kept = copy / "scans" / "scene0000_00" / "scene0000_00.txt"
    before = kept.stat().st_mtime_ns
    make_rooms(copy, tiny, 3, jobs=1, stream=True)
    assert digests(copy) == digests(tree)
    assert kept.stat().st_mtime_ns == before


def test_a_folder_with_another_set_is_refused(tiny, copy: Path) -> None:
    before = digests(copy)
    with pytest.raises(DataError, match="choose another folder"):
        make_rooms(copy, tiny, 4, jobs=1)
    assert digests(copy) == before


def test_command_line(tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "scene.png"
    assert main(["rooms", "show", str(tree), "scene0002_00", "--output", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert main(["rooms", "make", str(tree), "--preset", "tiny", "--seed", "3", "--jobs", "1"]) == 0
    assert "2 training and 1 validation rooms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["make", "OUT", "--preset", "huge"], "no rooms preset named 'huge'"),
        (["make", "ROOT", "--preset", "mini"], "choose another folder"),
        (["make", "FILE", "--preset", "tiny"], "cannot write"),
        (["show", "ROOT", "scene0009_00", "--output", "x.png"], "found 'scene0009_00'"),
        (["show", "ROOT", "scene0000_00", "--view", "9", "--output", "x.png"], "found 9"),
        (["show", "OUT", "scene0000_00", "--output", "x.png"], "found none"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    tree: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    places = {
        "ROOT": str(tree),
        "FILE": str(tmp_path / "file" / "set"),
        "OUT": str(tmp_path / "none"),
        "x.png": str(tmp_path / "x.png"),
    }
    assert main(["rooms", *(places.get(a, a) for a in arguments)]) != 0
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
