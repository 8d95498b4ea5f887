from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from posealign_rooms.make import make_rooms
from posealign_rooms.plan import plan_room
from posealign_rooms.presets import PRESETS, Preset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from posealign_rooms.plan import RoomPlan

TINY = Preset(
    name="tiny",
    n_train=2,
    n_val=1,
    n_objects=(6, 8),
    spacing_m=0.12,
    n_frames=60,
    image_every=20,
    image_scale=0.125,
    n_viewpoints=4,
)
SEED = 3


@pytest.fixture(scope="session", autouse=True)
def tiny() -> Iterator[Preset]:
    """A preset of three small rooms, by name on the command line too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, TINY.name, TINY)
        yield TINY


@pytest.fixture(scope="session")
def plans(tiny: Preset) -> list[RoomPlan]:
    return [plan_room(tiny, seed, index) for seed in (SEED, SEED + 1) for index in range(3)]


@pytest.fixture(scope="session")
def tree(tiny: Preset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole set on disk, with a stream; tests do not change it."""
    root = tmp_path_factory.mktemp("rooms") / "set"
    make_rooms(root, tiny, SEED, jobs=1, stream=True)
    return root
