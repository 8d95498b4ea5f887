"""What is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core import __version__
from posealign_core.runs.environment import version_of

if TYPE_CHECKING:
    from posealign_core.host import PluginHost
    from posealign_core.specs import Spec

__all__ = ["Finding", "diagnose", "missing_requirements"]

_REQUIRED = ("torch", "transformers", "peft", "accelerate", "numpy", "numba")
_OPTIONAL = {
    "triton": ("visibility on a GPU", "comes with torch on Linux with CUDA"),
    "spconv": ("sparse convolution on a GPU", "pip install 'posealign[spconv]'"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        group: `"system"`, `"packages"`, `"optional"`, `"backbones"` or `"plugins"`.
        name: What was looked at.
        ok: Whether it is usable.
        detail: Version or state.
        advice: What to do where it is not.
    """

    group: str
    name: str
    ok: bool
    detail: str
    advice: str = ""


def diagnose(host: PluginHost) -> list[Finding]:
    """Look at the system, the packages, each backbone and each plugin."""
    return [
        Finding("system", "posealign", True, __version__),
        Finding("system", "Python", True, f"{platform.python_version()} on {platform.platform()}"),
        *_devices(),
        *(_package(name) for name in _REQUIRED),
        *(_optional(name, *why) for name, why in _OPTIONAL.items()),
        _java(),
        *(_backbone(spec) for spec in host.backbones),
        *(
            Finding("plugins", info.name, not info.error, info.error or info.version or "loaded")
            for info in host.plugins()
        ),
    ]


def missing_requirements(spec: Spec) -> list[str]:
    """What a component lacks: one sentence for each package."""
    return [
        f"{requirement.module} is not installed; run: {requirement.install}"
        for requirement in spec.requires
        if importlib.util.find_spec(requirement.module) is None
    ]


def _devices() -> list[Finding]:
    try:
        import torch
    except ImportError as error:
        return [Finding("system", "devices", False, f"torch cannot be imported: {error}")]
    processor = Finding("system", "CPU", True, f"{torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else ""
        advice = "; ".join(filter(None, [built, "everything runs on the CPU, large models slowly"]))
        return [processor, Finding("system", "GPU", False, "none", advice)]
    gpus = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = f"{properties.total_memory / 2**30:.0f} GiB"
        gpus.append(Finding("system", f"GPU {index}", True, f"{properties.name}, {memory}"))
    return [processor, *gpus]


def _package(name: str) -> Finding:
    version = version_of(name)
    return Finding("packages", name, bool(version), version or "absent", f"pip install {name}")


def _optional(name: str, purpose: str, advice: str) -> Finding:
    version = version_of(name)
    detail = f"{version or 'absent'} ({purpose})"
    return Finding("optional", name, bool(version), detail, advice)


def _java() -> Finding:
    purpose = "METEOR and the PTB tokenizer of the caption metrics"
    found = shutil.which("java")
    if found is None:
        return Finding(
            "optional", "Java", False, f"absent ({purpose})", "install a Java 8+ runtime"
        )
    done = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    first = (done.stderr or done.stdout).partition("\n")[0].strip()
    return Finding("optional", "Java", done.returncode == 0, f"{first} ({purpose})")


def _backbone(spec: Spec) -> Finding:
    missing = missing_requirements(spec)
    return Finding(
        "backbones",
        spec.name,
        not missing,
        "lacks packages" if missing else "ready",
        "; ".join(missing),
    )
