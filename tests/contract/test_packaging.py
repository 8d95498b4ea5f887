"""`setup.cfg` names what is on disk: packages, their folders, their data, entry points."""

from __future__ import annotations

import configparser
import importlib.util
from fnmatch import fnmatch
from pathlib import Path, PurePath

import pytest


@pytest.fixture(scope="module")
def config(root):
    parser = configparser.ConfigParser()
    parser.read(root / "setup.cfg")
    return parser


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _table(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(text))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _packages_on_disk(package_folders) -> set[str]:
    return {
        ".".join(init.parent.relative_to(folder.parent).parts)
        for folder in package_folders
        for init in folder.rglob("__init__.py")
    }


def test_packages_are_the_folders_on_disk(config, package_folders):
    listed = _lines(config["options"]["packages"])
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) == _packages_on_disk(package_folders)


def test_every_folder_of_a_package_is_a_package(package_folders):
    odd = [
        path.parent
        for folder in package_folders
        for path in folder.rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    assert odd == []


def test_package_dir_maps_backends_and_plugins(config, package_folders, root):
    mapped = _table(config["options"]["package_dir"])
    outside = {f.name: str(f.relative_to(root)) for f in package_folders if f.parent != root}
    assert mapped == outside


def test_type_checker_sees_every_package(config, package_folders, root):
    checked = {name.strip() for name in config["mypy"]["packages"].split(",")}
    assert checked == {folder.name for folder in package_folders}
    paths = config["mypy"]["mypy_path"].split(":")
    parents = {f"$MYPY_CONFIG_FILE_DIR/{f.parent.relative_to(root)}" for f in package_folders}
    assert parents - {"$MYPY_CONFIG_FILE_DIR/."} == set(paths)


def test_every_package_is_typed(config, package_folders):
    for folder in package_folders:
        assert (folder / "py.typed").is_file(), folder
        assert "py.typed" in _lines(config["options.package_data"][folder.name])


def test_data_files_are_packaged(config, package_folders):
    patterns = {name: _lines(value) for name, value in config["options.package_data"].items()}
    forgotten = [
        str(path)
        for folder in package_folders
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".py"
        and "__pycache__" not in path.parts
        and not _is_packaged(path, folder, patterns)
    ]
    assert forgotten == []


def _is_packaged(path: Path, folder: Path, patterns: dict[str, list[str]]) -> bool:
    """Whether a pattern of the package that holds a file, or of one above it, fits."""
    for parent in path.relative_to(folder.parent).parents:
        package = ".".join(parent.parts)
        inside = PurePath(path.relative_to(folder.parent / parent))
        if any(_fits(inside, pattern) for pattern in patterns.get(package, [])):
            return True
    return False


def _fits(path: PurePath, pattern: str) -> bool:
    parts, wanted = list(path.parts), list(PurePath(pattern).parts)
    if "**" in wanted:
        depth = wanted.index("**")
        same_start = parts[:depth] == wanted[:depth]
        return same_start and fnmatch(parts[-1], wanted[-1])
    return len(parts) == len(wanted) and all(map(fnmatch, parts, wanted))


def test_entry_points_exist(config):
    groups = config["options.entry_points"]
    for group in ("posealign", "pytest11"):
        for name, module in _table(groups[group]).items():
            assert importlib.util.find_spec(module) is not None, f"{group}: {name} = {module}"


def test_every_plugin_folder_registers(config, package_folders, root):
    registered = set(_table(config["options.entry_points"]["posealign"]).values())
    wanted = {f"{f.name}.plugin" for f in package_folders if (f / "plugin.py").exists()}
    assert registered == wanted
