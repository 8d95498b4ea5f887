from __future__ import annotations

from posealign_core.testing import parametrize_with_checks
from posealign_ll3da_sonata.plugin import SPEC


@parametrize_with_checks([SPEC])
def test_contract(spec, check):
    check(spec)
