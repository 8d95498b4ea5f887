from __future__ import annotations

from posealign_chat_scene.plugin import SPEC
from posealign_core.testing import parametrize_with_checks


@parametrize_with_checks([SPEC])
def test_contract(spec, check):
    check(spec)
