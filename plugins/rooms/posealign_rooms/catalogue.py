"""What rooms are furnished with: kinds of objects, their sizes, and named colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COLORS", "KINDS", "ON_TOP", "SATELLITES", "TABLES", "WALLS", "Kind", "plural"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of object.

    Attributes:
        name: Category name, as in annotations.
        width: Range of the side-to-side size, metres.
        depth: Range of the front-to-back size, metres.
        height: Range of the height, metres.
        nyu40: NYU40 class id.
        nyu40_name: NYU40 class name.
        surface: Whether things can stand on it.
        round: Whether its outline is a circle; its depth is its width then.
    """

    name: str
    width: tuple[float, float]
    depth: tuple[float, float]
    height: tuple[float, float]
    nyu40: int
    nyu40_name: str
    surface: bool = False
    round: bool = False


_ALL = (
    Kind(
        name="table", width=(1.1, 1.5), depth=(0.7, 0.9), height=(0.70, 0.78),
        nyu40=7, nyu40_name="table", surface=True,
    ),
    Kind(
        name="desk", width=(1.1, 1.4), depth=(0.6, 0.75), height=(0.70, 0.78),
        nyu40=14, nyu40_name="desk", surface=True,
    ),
    Kind(
        name="bed", width=(1.2, 1.6), depth=(1.9, 2.0), height=(0.75, 0.95),
        nyu40=4, nyu40_name="bed",
    ),
    Kind(
        name="sofa", width=(1.5, 1.9), depth=(0.75, 0.9), height=(0.72, 0.85),
        nyu40=6, nyu40_name="sofa",
    ),
    Kind(
        name="bench", width=(1.0, 1.3), depth=(0.35, 0.45), height=(0.42, 0.48),
        nyu40=39, nyu40_name="otherfurniture",
    ),
    Kind(
        name="chair", width=(0.42, 0.5), depth=(0.42, 0.5), height=(0.82, 0.95),
        nyu40=5, nyu40_name="chair",
    ),
    Kind(
        name="armchair", width=(0.68, 0.78), depth=(0.68, 0.78), height=(0.76, 0.9),
        nyu40=5, nyu40_name="chair",
    ),
    Kind(
        name="stool", width=(0.34, 0.42), depth=(0.34, 0.42), height=(0.45, 0.65),
        nyu40=39, nyu40_name="otherfurniture", round=True,
    ),
    Kind(
        name="lamp", width=(0.32, 0.42), depth=(0.32, 0.42), height=(1.35, 1.6),
        nyu40=35, nyu40_name="lamp", round=True,
    ),
    Kind(
        name="plant", width=(0.4, 0.55), depth=(0.4, 0.55), height=(0.7, 1.15),
        nyu40=40, nyu40_name="otherprop", round=True,
    ),
    Kind(
        name="box", width=(0.36, 0.5), depth=(0.32, 0.42), height=(0.28, 0.4),
        nyu40=29, nyu40_name="box",
    ),
    Kind(
        name="trash can", width=(0.28, 0.34), depth=(0.28, 0.34), height=(0.36, 0.5),
        nyu40=39, nyu40_name="otherfurniture", round=True,
    ),
    Kind(
        name="nightstand", width=(0.42, 0.5), depth=(0.38, 0.45), height=(0.5, 0.62),
        nyu40=32, nyu40_name="night stand", surface=True,
    ),
    Kind(
        name="cabinet", width=(0.8, 1.1), depth=(0.4, 0.5), height=(0.9, 1.3),
        nyu40=3, nyu40_name="cabinet", surface=True,
    ),
    Kind(
        name="dresser", width=(0.9, 1.2), depth=(0.42, 0.5), height=(0.75, 0.9),
        nyu40=17, nyu40_name="dresser", surface=True,
    ),
    Kind(
        name="bookshelf", width=(0.8, 1.0), depth=(0.28, 0.35), height=(1.6, 2.0),
        nyu40=10, nyu40_name="bookshelf",
    ),
    Kind(
        name="refrigerator", width=(0.62, 0.75), depth=(0.6, 0.7), height=(1.5, 1.8),
        nyu40=24, nyu40_name="refridgerator",
    ),
    Kind(
        name="monitor", width=(0.46, 0.58), depth=(0.16, 0.2), height=(0.36, 0.44),
        nyu40=40, nyu40_name="otherprop",
    ),
    Kind(
        name="microwave", width=(0.42, 0.5), depth=(0.3, 0.36), height=(0.26, 0.3),
        nyu40=40, nyu40_name="otherprop",
    ),
    Kind(
        name="backpack", width=(0.3, 0.36), depth=(0.2, 0.25), height=(0.38, 0.46),
        nyu40=40, nyu40_name="otherprop",
    ),
)  # fmt: skip

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _ALL}

TABLES: Final = ("table", "desk", "sofa", "bench", "dresser")
"""Kinds that stand free in the room with other objects around them."""
SATELLITES: Final = (
    "chair",
    "armchair",
    "stool",
    "lamp",
    "plant",
    "box",
    "trash can",
    "nightstand",
)
"""Kinds that stand around those."""
WALLS: Final = (
    "cabinet", "dresser", "bookshelf", "refrigerator", "desk", "sofa", "bed", "plant", "lamp",
    "trash can", "armchair", "nightstand",
)  # fmt: skip
"""Kinds that stand against a wall."""
ON_TOP: Final = ("monitor", "microwave", "backpack", "box")
"""Kinds that stand on a surface."""

COLORS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (200, 40, 40),
    "orange": (235, 140, 30),
    "yellow": (230, 215, 60),
    "green": (50, 150, 60),
    "blue": (45, 85, 200),
    "purple": (135, 60, 170),
    "pink": (240, 150, 185),
    "brown": (115, 75, 45),
    "black": (35, 35, 38),
    "white": (235, 235, 230),
}
"""Named colours, sRGB."""

_PLURALS = {"bench": "benches", "box": "boxes", "bookshelf": "bookshelves"}


def plural(name: str) -> str:
    """Several of a kind: `"chair"` becomes `"chairs"`; any other label takes an s too."""
    return _PLURALS.get(name, f"{name}s")
