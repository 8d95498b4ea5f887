"""What a run ran on: code, versions, devices."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import posealign_core
from posealign_core.structures.record import CodeVersion

if TYPE_CHECKING:
    from posealign_core.host import PluginHost

__all__ = ["PACKAGES", "code_version", "devices", "environment", "plugin_versions", "version_of"]

PACKAGES = ("torch", "transformers", "peft", "accelerate", "numpy", "numba", "triton", "spconv")
_DISTRIBUTIONS = {"spconv": ("spconv-cu126", "spconv-cu120", "spconv")}


def version_of(package: str) -> str:
    """Installed version of a distribution; `""` where it is absent."""
    for name in _DISTRIBUTIONS.get(package, (package,)):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def environment() -> dict[str, str]:
    """Versions of Python and packages, platform and devices, by name."""
    versions = {package: version_of(package) for package in PACKAGES}
    return {
        "python": platform.python_version(),
        **{package: version for package, version in versions.items() if version},
        "platform": platform.platform(),
        "devices": ", ".join(devices()),
    }


def devices() -> list[str]:
    """The accelerators that torch sees, else the processor."""
    import torch

    n_gpus = torch.cuda.device_count()
    if n_gpus:
        return [torch.cuda.get_device_name(i) for i in range(n_gpus)]
    n_threads = torch.get_num_threads()
    return [f"CPU with {n_threads} thread{'s' if n_threads > 1 else ''}"]


def plugin_versions(host: PluginHost) -> dict[str, str]:
    """Loaded plugins and the distributions that they came with."""
    return {
        info.name: f"{info.distribution} {info.version}".strip()
        for info in host.plugins()
        if not info.error
    }


def code_version() -> CodeVersion:
    """Version of posealign and, in a source tree, its git state."""
    root = Path(posealign_core.__file__).parent.parent
    version = posealign_core.__version__
    if shutil.which("git") is None or not (root / ".git").exists():
        return CodeVersion(version=version)
    commit = _git(root, "rev-parse", "HEAD")
    return CodeVersion(
        version=version, commit=commit, dirty=bool(_git(root, "status", "--porcelain"))
    )


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""
