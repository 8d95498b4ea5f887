"""Rooms to extract from: on disk for the commands, in memory for the encoders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from posealign_rooms.make import make_rooms
from posealign_rooms.presets import PRESETS, Preset

sys.path.insert(0, str(Path(__file__).parent))

ROOMS = Preset(
    name="extraction",
    n_train=1,
    n_val=1,
    n_objects=(6, 7),
    spacing_m=0.12,
    n_frames=40,
    image_every=20,
    image_scale=0.125,
    n_viewpoints=2,
)


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small rooms in ScanNet's files, one with a stream; tests do not change them."""
    root = tmp_path_factory.mktemp("extraction") / "rooms"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, ROOMS.name, ROOMS)
        make_rooms(root, ROOMS, 5, jobs=1, stream=True)
    return root
