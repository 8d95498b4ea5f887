"""What a study file says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posealign_core.config.convert import Converter
from posealign_core.config.files import flatten, read_layer
from posealign_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["StudyFile", "read_study"]

_AXES = ("backbone", "preset", "seed")
"""Axes that every study has; a study file may add others."""


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """A grid of runs.

    Attributes:
        title: Heading of the report.
        output: Folder of the run folders, the list of members and the report.
        presets: Run presets without their backbone: `demo/transform`. A backbone that lacks one is
            left out of that column, and the report says so.
        backbones: Registered backbones; all that are installed where empty.
        seeds: One run of each cell per seed.
        prepare: Command lines of posealign that make the data, without the word `posealign`; done
            first, each time.
        settings: Sections of the configuration that all members share; they win over presets.
        axes: Further axes: by axis, by value, dotted keys of the configuration and what they are
            set to: `{selector: {top: {align.selector: top}, clip: {align.selector: clip}}}`.
        exclude: Cells to leave out: `{backbone: ll3da, preset: demo/embed}`.
        trained: Whether members are trained, or asked as they start.
        chance: JSON file with the share of right answers possible without the pose, by benchmark
            and subset, below the key `chance`; for the report.

    Raises:
        ConfigError: An axis has no values or the name of another, an exclusion names no axis, or
            seeds or presets are missing or double.
    """

    title: str = "PoseAlign study"
    output: Path
    presets: tuple[str, ...]
    backbones: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    prepare: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    axes: Mapping[str, Mapping[str, Mapping[str, object]]] = field(default_factory=dict)
    exclude: tuple[Mapping[str, object], ...] = ()
    trained: bool = True
    chance: Path | None = None

    def __post_init__(self) -> None:
        faults = [f"axes.{name}: is an axis already" for name in self.axes if name in _AXES]
        faults += [
            f"axes.{name}: wanted values, found none" for name in self.axes if not self.axes[name]
        ]
        for name in ("presets", "seeds", "backbones"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                faults.append(f"{name}: a value is there twice")
            if not values and name != "backbones":
                faults.append(f"{name}: wanted at least one")
        known = {*_AXES, *self.axes}
        for cell in self.exclude:
            unknown = sorted(cell.keys() - known)
            if unknown or not cell:
                listed = ", ".join(sorted(known))
                faults.append(f"exclude: {dict(cell)} names {unknown or 'nothing'}; axes: {listed}")
        faults += [f"settings.{key}: belongs to the study" for key in _own_keys(self.settings)]
        if faults:
            raise ConfigError(faults, source="study")


def _own_keys(settings: Mapping[str, object]) -> list[str]:
    """Keys that members differ in, or that decide where they are."""
    own = {"seed", "output.root", "output.name", "backbone.name"}
    return sorted(own & flatten(settings).keys())


def read_study(path: Path) -> StudyFile:
    """Read a study file; `_base_` works as in presets.

    Raises:
        ConfigError: Everything that is wrong with it.
    """
    layer = read_layer(path)
    converter = Converter(lambda key: layer.origins.get(key, ""))
    return converter.build(StudyFile, layer.values, source=str(path))
