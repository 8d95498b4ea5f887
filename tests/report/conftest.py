"""Makes the hand-made runs importable by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made_run import STRONG, WEAK, MadeRun


@pytest.fixture
def made_runs(tmp_path: Path) -> list[Path]:
    """A transform run and a baseline on two benchmarks."""
    base = MadeRun("toy-baseline", scores={"scanqa": WEAK, "nr3d": WEAK})
    turned = MadeRun(
        "toy-transform",
        modes=("transform",),
        selector={"name": "clip", "ratio": 0.3},
        scores={"scanqa": STRONG, "nr3d": STRONG},
    )
    return [made.write(tmp_path / "runs") for made in (turned, base)]
