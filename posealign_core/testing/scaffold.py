"""Copying the template backbone under another name, as a package that can be installed."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.atomic import make_folder
from posealign_core.errors import ConfigError, PluginLoadError, RegistrationError

if TYPE_CHECKING:
    from posealign_core.host import PluginHost

__all__ = ["copy_template"]

TEMPLATE = "template"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# The template's pre-training needs the rooms; a new backbone brings its own weights.
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "pretrain*")

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "posealign-{name}"
version = "0.1.0"
description = "The {name} backbone for posealign"
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["posealign"]

[project.entry-points.posealign]
{name} = "{package}.plugin"

[tool.setuptools.packages.find]
include = ["{package}*"]

[tool.setuptools.package-data]
"*" = ["*.yaml", "*.txt", "*.safetensors", "*.md", "py.typed", "runs/**/*.yaml"]
"""

_README = """\
# {name}

A 3-D large multimodal model as a backbone of posealign. It starts as a copy of the template
backbone: replace it piece by piece, and keep the checks green.

| file | holds |
|---|---|
| `{package}/plugin.py` | the name, what the model claims to do, and where its parts are |
| `{package}/config.py` | what can be set |
| `{package}/encoder.py` | from an aligned sample to CPU tensors |
| `{package}/model.py` | weights, loss, answers |
| `{package}/presets/` | named settings; `tiny` must build in seconds without a download |

    pip install --editable .
    posealign list backbones
    posealign check {name}
    pytest
"""

_TEST = '''\
"""Holds the backbone to the contract of posealign."""

from __future__ import annotations

from posealign_core.testing import parametrize_with_checks

from {package}.plugin import SPEC


@parametrize_with_checks([SPEC])
def test_conformance(spec, check):
    check(spec)
'''


def copy_template(host: PluginHost, name: str, folder: Path) -> None:
    """Write an installable package with the template's code under a new name.

    Args:
        host: Knows where the template is, and which names are taken.
        name: Name of the new backbone.
        folder: Where to write; must not exist, or be empty.

    Raises:
        RegistrationError: The name is malformed or taken.
        ConfigError: The folder holds something.
        PoseAlignError: It cannot be written.
        UnknownComponentError: The template is not installed.
    """
    if not _NAME.fullmatch(name):
        raise RegistrationError(
            f"wanted lower-case letters and digits, with single '-' between, found {name!r}"
        )
    if name in host.backbones:
        raise RegistrationError(
            f"backbone {name!r} exists already, from plugin {host.backbones.origin(name)!r}; "
            "choose another name"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError([f"{str(folder)!r} exists already; choose another"], source="--output")
    package = f"posealign_{name.replace('-', '_')}"
    source = _template_package(host)
    make_folder(folder)
    shutil.copytree(source, folder / package, ignore=_LEFT_OUT)
    for path in sorted((folder / package).rglob("*")):
        if path.suffix in {".py", ".yaml", ".md"}:
            text = path.read_text(encoding="utf-8")
            path.write_text(_renamed(text, source.name, package, name), encoding="utf-8")
    (folder / "tests").mkdir()
    for file, content in (
        ("pyproject.toml", _PYPROJECT),
        ("README.md", _README),
        ("tests/test_conformance.py", _TEST),
    ):
        (folder / file).write_text(content.format(name=name, package=package), encoding="utf-8")


def _template_package(host: PluginHost) -> Path:
    package = host.backbones[TEMPLATE].presets.partition(".")[0]
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise PluginLoadError(f"the template's package {package!r} is not on the import path")
    return Path(found.origin).parent


def _renamed(text: str, old_package: str, package: str, name: str) -> str:
    camel = "".join(part.capitalize() for part in name.split("-"))
    camel = camel if camel[0].isalpha() else f"Model{camel}"
    text = text.replace(old_package, package)
    text = re.sub(r"\bTemplate(?=[A-Z])", camel, text)
    text = text.replace(f'"{TEMPLATE}"', f'"{name}"')
    return re.sub(rf"\bthe {TEMPLATE} backbone\b", f"the {name} backbone", text)
