"""The two rules for masks: image scale, splat size and tolerance of the Z-buffer.

`released` is fixed: a tenth of the image, one pixel per point, 1 mm. It keeps about one point per
pixel and so measures how large an object looks.

`surface` follows the cloud. With the spacing s of its points and the median depth z of what is in
view, the image is resized so that a pixel's footprint at z is 1.5 s: finer images let points shine
through the gaps between nearer points, coarser ones merge surfaces. Nearer surfaces are kept closed
by letting each point cover the pixels within 0.55 s. A slanted surface spans some depth within a
pixel, so the tolerance is 3 s plus two footprints at the point's own depth. The four constants come
from a sweep against ray casting (made-up rooms of 1 to 3 cm spacing, with and without noise) and
against measured depth; a spacing per point or per object did worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ConfigError
from posealign_core.recover.spacing import point_spacing, typical_depth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from posealign_core.geometry.intrinsics import Intrinsics

__all__ = ["ZBufferSettings", "zbuffer_settings"]

RELEASED_SCALE = 0.1
RELEASED_TOLERANCE_M = 1e-3

FOOTPRINT = 1.5
"""Footprint of a pixel at the median depth, in point spacings."""
SPLAT = 0.55
"""Half the side of the square that a point covers, in point spacings; 0.5 just closes a grid."""
SLACK_SPACINGS = 3.0
"""Tolerance in point spacings, to which `SLACK_FOOTPRINTS` pixel footprints are added."""
SLACK_FOOTPRINTS = 2.0
_SMALLEST_SIDE = 16


@dataclass(frozen=True, kw_only=True)
class ZBufferSettings:
    """A rule, settled for one scan.

    Attributes:
        image_scale: Factor on the images.
        slack_m: Constant part of the tolerance, metres.
        slack_footprints: Part of the tolerance that grows with depth, in pixel footprints.
        splat_m: Half the side of the square that a point covers, metres.
        truncate: Truncation, as published, of the image's sides to whole pixels and of pixel
            coordinates toward zero (instead of floor).
        keeps_unlabelled: Whether negative ids are objects.
    """

    image_scale: float
    slack_m: float
    slack_footprints: float = 0.0
    splat_m: float = 0.0
    truncate: bool = False
    keeps_unlabelled: bool = False

    @property
    def depth_tolerance_m(self) -> float:
        """The tolerance where it is one number, else NaN."""
        return float("nan") if self.slack_footprints else self.slack_m

    def camera_rows(self, cameras: Sequence[Intrinsics]) -> NDArray[np.float64]:
        """(V, 6) fx, fy, cx, cy, width, height of the resized images."""
        full = [(c.fx, c.fy, c.cx, c.cy, c.width, c.height) for c in cameras]
        rows = np.array(full, dtype=np.float64).reshape(-1, 6) * self.image_scale
        if self.truncate:
            rows[:, 4:] = np.trunc(rows[:, 4:])
        return rows

    def slack(self, camera_rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(V, 2) tolerance for each of `camera_rows`: metres, and metres per metre of depth."""
        focal = camera_rows[:, 0]
        return np.stack([np.full(len(focal), self.slack_m), self.slack_footprints / focal], axis=1)


def zbuffer_settings(
    rule: str,
    points: NDArray[Any],
    camera_from_world: NDArray[np.float64],
    cameras: Sequence[Intrinsics],
    *,
    image_scale: float | None,
    depth_tolerance: float | None,
) -> ZBufferSettings:
    """Settle `"surface"` or `"released"` for a scan.

    Args:
        rule: Name of the rule.
        points: (N, 3) metres.
        camera_from_world: (V, 4, 4).
        cameras: V cameras.
        image_scale: Overrides the rule's own, in (0, 1].
        depth_tolerance: Overrides the rule's own, metres, at least 0.

    Raises:
        ConfigError: An override is out of range, or leaves an image without pixels.
    """
    _check_overrides(image_scale, depth_tolerance, cameras)
    if rule == "released":
        return ZBufferSettings(
            image_scale=RELEASED_SCALE if image_scale is None else image_scale,
            slack_m=RELEASED_TOLERANCE_M if depth_tolerance is None else depth_tolerance,
            truncate=True,
            keeps_unlabelled=True,
        )
    spacing = point_spacing(points)
    if image_scale is None:
        image_scale = _surface_scale(spacing, points, camera_from_world, cameras)
    own_slack = depth_tolerance is None
    return ZBufferSettings(
        image_scale=image_scale,
        slack_m=SLACK_SPACINGS * spacing if depth_tolerance is None else depth_tolerance,
        slack_footprints=SLACK_FOOTPRINTS if own_slack else 0.0,
        splat_m=SPLAT * spacing,
    )


def _surface_scale(
    spacing: float,
    points: NDArray[Any],
    camera_from_world: NDArray[np.float64],
    cameras: Sequence[Intrinsics],
) -> float:
    depth = typical_depth(points, camera_from_world, cameras)
    if spacing == 0 or depth is None:
        return 1.0
    focal = float(np.median([camera.fx for camera in cameras]))
    shortest = min(min(camera.width, camera.height) for camera in cameras)
    smallest = min(1.0, _SMALLEST_SIDE / shortest)
    ideal = depth / (FOOTPRINT * spacing * focal)
    # Two digits: the same after a rigid motion, and short enough to state.
    return min(1.0, max(smallest, float(f"{ideal:.1e}")))


def _check_overrides(
    image_scale: float | None, depth_tolerance: float | None, cameras: Sequence[Intrinsics]
) -> None:
    faults = []
    if image_scale is not None and not 0 < image_scale <= 1:
        faults.append(f"image scale: wanted a factor in (0, 1], found {image_scale}")
    elif image_scale is not None:
        shortest = min((min(c.width, c.height) for c in cameras), default=None)
        if shortest is not None and int(shortest * image_scale) < 1:
            faults.append(f"image scale: {image_scale} leaves no pixel of {shortest}")
    if depth_tolerance is not None and not depth_tolerance >= 0:
        faults.append(f"depth tolerance: wanted at least 0 m, found {depth_tolerance}")
    if faults:
        raise ConfigError(faults, source="visibility")
