"""The page of hand-worked metrics is what the harness computes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def by_hand() -> ModuleType:
    path = ROOT / "docs" / "metrics_by_hand.py"
    spec = importlib.util.spec_from_file_location("metrics_by_hand", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(by_hand: Any) -> None:
    assert by_hand.PAGE.read_text(encoding="utf-8") == by_hand.page()


def test_a_wrong_value_by_hand_stops_the_page(
    by_hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = by_hand.Case("x", by_hand.answers(("left", ("left",))), {"em": (0.9, "no")})
    monkeypatch.setattr(by_hand, "CASES", (wrong,))
    with pytest.raises(ValueError, match=r"by hand 0\.9, ours 1\.0"):
        by_hand.page()
