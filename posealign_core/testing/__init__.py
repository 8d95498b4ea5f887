"""The conformance kit: hold a backbone to the contract, with toy scenes to do it on.

    from posealign_core.testing import parametrize_with_checks
    from my_plugin.plugin import SPEC

    @parametrize_with_checks([SPEC])
    def test_conformance(spec, check):
        check(spec)

Importing this package imports neither torch nor pytest.
"""

from __future__ import annotations

from posealign_core.testing.suite import (
    CheckResult,
    backbone_checks,
    check_backbone,
    parametrize_with_checks,
    run_check,
)

__all__ = [
    "CheckResult",
    "backbone_checks",
    "check_backbone",
    "parametrize_with_checks",
    "run_check",
]
