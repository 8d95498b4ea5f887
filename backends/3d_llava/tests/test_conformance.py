from __future__ import annotations

from posealign_3d_llava.plugin import SPEC
from posealign_core.testing import parametrize_with_checks


@parametrize_with_checks([SPEC])
def test_contract(spec, check):
    check(spec)
