"""Running the checks: all of them on one backbone, or each as a pytest item."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from posealign_core.errors import ConfigError, ConformanceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pytest

    from posealign_core.specs import BackboneSpec
    from posealign_core.testing.check import Check

__all__ = [
    "GROUPS",
    "CheckResult",
    "backbone_checks",
    "check_backbone",
    "parametrize_with_checks",
    "run_check",
]

GROUPS = ("spec", "encode", "geometry", "prompt", "learning", "generate", "checkpoint")
"""The groups of checks, in the order in which they run: what later ones rest on comes first."""

_NO_FAILURES: Mapping[str, str] = {}
_NO_TABLES: Mapping[str, Mapping[str, str]] = {}


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found.

    Attributes:
        check: Its name, `"check_ego_axes"`.
        status: `xfail` is a failure that was expected, with a reason.
        reason: What was observed, why it was skipped, or why it was expected to fail.
        seconds: Time that it took.
    """

    check: str
    status: Literal["passed", "failed", "xfail", "skipped"]
    reason: str
    seconds: float


def backbone_checks(spec: BackboneSpec | None = None) -> Iterator[Check]:
    """Yield the checks in order; with a spec, only those that its claims call for."""
    from posealign_core.testing.check import Check

    for group in GROUPS:
        module = import_module(f"posealign_core.testing.checks.{group}")
        for value in vars(module).values():
            if isinstance(value, Check) and (spec is None or not value.reason_to_skip(spec)):
                yield value


def run_check(
    check: Check,
    spec: BackboneSpec,
    *,
    preset: str = "tiny",
    expected_failures: Mapping[str, str] = _NO_FAILURES,
) -> CheckResult:
    """Run one check and report what happened, whatever it was.

    Args:
        check: The check.
        spec: The backbone.
        preset: Which of its presets to build.
        expected_failures: Why a check is known to fail, by its name. Strict: if such a check
            passes, that is a failure, so that a repaired fault leaves the list.
    """
    reason = check.reason_to_skip(spec)
    if reason:
        return CheckResult(check=check.name, status="skipped", reason=reason, seconds=0.0)
    expected = expected_failures.get(check.name)
    status: Literal["passed", "failed", "xfail"] = "passed"
    start = time.perf_counter()
    try:
        check(spec, preset=preset)
        if expected is not None:
            status = "failed"
            reason = f"passed, but was expected to fail ({expected}); take it off the list"
    except Exception as error:
        status = "failed" if expected is None else "xfail"
        reason = (expected or _observation(error)).strip()
    seconds = time.perf_counter() - start
    return CheckResult(check=check.name, status=status, reason=reason, seconds=seconds)


def check_backbone(
    spec: BackboneSpec,
    *,
    preset: str = "tiny",
    expected_failures: Mapping[str, str] = _NO_FAILURES,
    on_fail: Literal["raise", "collect"] = "raise",
) -> list[CheckResult]:
    """Hold a backbone to the contract.

    Args:
        spec: What its plugin registers.
        preset: Which of its presets to build.
        expected_failures: Why a check is known to fail, by its name; strict, see `run_check`.
        on_fail: Raise at the first failure, or collect all results.

    Raises:
        ConformanceError: A check failed, and `on_fail` is `"raise"`.
        ConfigError: `expected_failures` names a check that does not exist.
    """
    _require_known(expected_failures)
    results = []
    for check in backbone_checks():
        result = run_check(check, spec, preset=preset, expected_failures=expected_failures)
        if result.status == "failed" and on_fail == "raise":
            raise ConformanceError(f"{check.name}: backbone {spec.name!r}: {result.reason}")
        results.append(result)
    return results


def parametrize_with_checks(
    specs: Sequence[BackboneSpec],
    *,
    expected_failures: Mapping[str, Mapping[str, str]] = _NO_TABLES,
) -> pytest.MarkDecorator:
    """Turn every check of every backbone into a pytest item of a test `(spec, check)`.

    Args:
        specs: The backbones.
        expected_failures: By backbone, then by check, why it is known to fail; strict.

    Raises:
        ConfigError: `expected_failures` names a check that does not exist.
    """
    import pytest

    items = []
    for spec in specs:
        expected = expected_failures.get(spec.name, {})
        _require_known(expected)
        for check in backbone_checks():
            marks = []
            if skip := check.reason_to_skip(spec):
                marks.append(pytest.mark.skip(reason=skip))
            elif check.name in expected:
                marks.append(pytest.mark.xfail(reason=expected[check.name], strict=True))
            items.append(pytest.param(spec, check, marks=marks, id=f"{spec.name}-{check.name}"))
    return pytest.mark.parametrize(("spec", "check"), items)


def _observation(error: Exception) -> str:
    if isinstance(error, ConformanceError):
        return str(error)
    return f"raised {type(error).__name__}: {error}"


def _require_known(names: Mapping[str, str]) -> None:
    known = {check.name for check in backbone_checks()} if names else set()
    unknown = [f"{name!r} is no check; 'posealign check --list' names them" for name in names]
    if faults := [fault for name, fault in zip(names, unknown, strict=True) if name not in known]:
        raise ConfigError(faults, source="expected failures")
