"""The exceptions that users meet, and the exit code that each one becomes on the command line.

Every message says what was wanted, what was found, where, and what to do. The command line prints
one line for a `PoseAlignError`; anything else is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BackboneError",
    "BusyError",
    "CheckpointMismatchError",
    "ConfigError",
    "ConformanceError",
    "DataError",
    "ExitCode",
    "FrameMismatchError",
    "JudgeError",
    "MissingDependencyError",
    "PluginError",
    "PluginLoadError",
    "PoseAlignError",
    "PoseAlignWarning",
    "PoseNotFoundError",
    "RegistrationError",
    "SceneNotFoundError",
    "ShapeError",
    "UnknownComponentError",
    "UnsafeFileError",
]


class ExitCode(enum.IntEnum):
    """What the process returns to the shell."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    CONFIG = 3
    DATA = 4
    PLUGIN = 5
    CHECKS_FAILED = 6
    JUDGE_INCOMPLETE = 7
    BUSY = 8
    INTERRUPTED = 130


class PoseAlignWarning(UserWarning):
    """A result was produced, but the user should know how."""


class PoseAlignError(Exception):
    """Base of every error that is the user's to mend, not a defect of the library."""

    exit_code: ExitCode = ExitCode.RUN_FAILED


class ConfigError(PoseAlignError):
    """A configuration has faults; the message lists all of them at once."""

    exit_code = ExitCode.CONFIG

    def __init__(self, faults: Sequence[str], *, source: str = "configuration") -> None:
        self.faults = tuple(faults)
        self.source = source
        lines = "".join(f"\n  - {fault}" for fault in self.faults)
        super().__init__(f"{source}: {len(self.faults)} fault(s){lines}")


class PluginError(PoseAlignError):
    """Something about a plugin or an optional package is wrong."""

    exit_code = ExitCode.PLUGIN


class UnknownComponentError(PluginError, LookupError):
    """No component of that kind is registered under that name."""


class PluginLoadError(PluginError, ImportError):
    """A plugin could not be imported; the original error is the cause."""


class RegistrationError(PluginError, ValueError):
    """A component was registered twice, or its spec is malformed."""


class MissingDependencyError(PluginError, ImportError):
    """An optional package is needed for what was asked, and is not installed."""


class DataError(PoseAlignError):
    """A file or an array is not what its format promises."""

    exit_code = ExitCode.DATA


class SceneNotFoundError(DataError, LookupError):
    """The dataset has no such scene."""


class PoseNotFoundError(DataError, LookupError):
    """No usable camera pose exists for what was asked."""


class ShapeError(DataError, ValueError):
    """An array has the wrong shape, type or value range."""


class FrameMismatchError(DataError, ValueError):
    """Two quantities are given in coordinate frames that do not match."""


class UnsafeFileError(DataError):
    """A pickle asks for code that plain data never needs; it was not run."""


class BackboneError(PoseAlignError):
    """A backbone cannot do what was asked."""


class CheckpointMismatchError(BackboneError):
    """A checkpoint's keys or shapes are not those of the model."""


class JudgeError(PoseAlignError):
    """The judge could not give all verdicts."""

    exit_code = ExitCode.JUDGE_INCOMPLETE


class BusyError(PoseAlignError):
    """Another process is working on the same run or tables."""

    exit_code = ExitCode.BUSY


class ConformanceError(PoseAlignError):
    """A backbone broke a rule of the contract; the message names check, backbone, observation."""

    exit_code = ExitCode.CHECKS_FAILED
