"""How PoseRecover is run."""

from __future__ import annotations

from dataclasses import dataclass

from posealign_core.errors import ConfigError
from posealign_core.recover.engines import ENGINES

__all__ = ["RULES", "RecoverSettings"]

RULES = ("auto", "surface", "released", "box", "center")


@dataclass(frozen=True, kw_only=True)
class RecoverSettings:
    """What the scores of a table depend on, besides its scan.

    Attributes:
        rule: `"surface"` and `"released"` score masks (see `visibility_scores`), `"box"` and
            `"center"` score boxes and centres. `"auto"` takes the first of surface, box and center
            that the scan has labels for; the table names it.
        image_scale: Factor on the images for the Z-buffer; None lets the rule choose.
        depth_tolerance_m: Slack behind the Z-buffer, metres; None lets the rule choose.
        every: Keep one of this many usable frames; 25 as published for video at 30 Hz.
        engine: `"numpy"`, `"numba"`, `"triton"`, or `"auto"`; the scores do not depend on it.

    Raises:
        ConfigError: A value is out of range.
    """

    rule: str = "auto"
    image_scale: float | None = None
    depth_tolerance_m: float | None = None
    every: int = 25
    engine: str = "auto"

    def __post_init__(self) -> None:
        faults = []
        if self.rule not in RULES:
            faults.append(f"rule: wanted one of {', '.join(RULES)}, found {self.rule!r}")
        if self.engine not in ENGINES:
            faults.append(f"engine: wanted one of {', '.join(ENGINES)}, found {self.engine!r}")
        if self.every < 1:
            faults.append(f"every: wanted at least 1, found {self.every}")
        if self.image_scale is not None and not 0 < self.image_scale <= 1:
            faults.append(f"image_scale: wanted a factor in (0, 1], found {self.image_scale}")
        if self.depth_tolerance_m is not None and not self.depth_tolerance_m >= 0:
            faults.append(f"depth_tolerance_m: wanted at least 0, found {self.depth_tolerance_m}")
        if faults:
            raise ConfigError(faults, source="recover")
