"""How close recovered poses come to the poses that questions were really asked from.

Only rooms know both: each directional question has its asker's pose, and a claim ("the chair is
left of the table") that is true from there. What counts is whether the claim still holds from the
pose that PoseRecover finds with nothing but the scan and the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.jobs import run_on_scans
from posealign_core.errors import DataError
from posealign_core.evaluation.statistics import estimate
from posealign_core.recover import RecoverSettings, query_rng, recover_pose, recover_scene
from posealign_core.registry import resolve
from posealign_rooms.claims import claims_of, compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.datasets.base import Dataset
    from posealign_core.evaluation.statistics import Estimate
    from posealign_core.host import PluginHost
    from posealign_core.recover import Selector
    from posealign_rooms.claims import Claim, PoseCheck

__all__ = ["Agreement", "Comparison", "summarise", "validate_recover"]

OPPOSITE_DEG = 150.0
"""A recovered heading that is off by more looks the other way."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """All questions under one rule and selector; intervals are 95 %, by bootstrap over scenes.

    Attributes:
        rule: Rule of the visibility table.
        selector: Rule that chose the frames.
        n_fallbacks: Questions whose target no kept frame sees.
        yaw_median_deg: Median of the yaw errors.
        position_median_m: Median of the position errors.
        yaw_deg: Mean yaw error.
        position_m: Mean position error.
        lateral_same: Share of left-right claims that hold from the recovered pose.
        depth_same: Likewise for front and behind.
        opposite: Share of poses that look the other way.
    """

    rule: str
    selector: str
    n_fallbacks: int
    yaw_median_deg: float
    position_median_m: float
    yaw_deg: Estimate
    position_m: Estimate
    lateral_same: Estimate
    depth_same: Estimate
    opposite: Estimate


def validate_recover(
    host: PluginHost,
    root: Path,
    *,
    split: str,
    benchmarks: Sequence[str],
    rules: Sequence[str],
    selectors: Sequence[str],
    every: int,
    seed: int,
    jobs: int,
) -> list[Agreement]:
    """Compare recovered poses with the askers' own over a set of rooms.

    Args:
        host: Knows readers and selectors.
        root: Folder of the set.
        split: Whose scans.
        benchmarks: Whose questions.
        rules: Visibility rules.
        selectors: Registered selectors, with their default parameters.
        every: Keep one of this many usable frames.
        seed: Of the selectors' draws.
        jobs: Processes.

    Raises:
        DataError: A file is missing or damaged, or no question has a relation.
        UnknownComponentError: There is no such benchmark or selector.
    """
    dataset: Dataset = resolve(host.datasets["scannet"])(root)
    readers = [resolve(host.benchmarks[name])(root / "annotations") for name in benchmarks]
    claims = claims_of(query for reader in readers for query in reader.queries(split))
    comparison = Comparison(
        dataset=dataset,
        claims=claims,
        settings=tuple(RecoverSettings(rule=rule, every=every) for rule in rules),
        selectors=tuple(resolve(host.selectors[name])() for name in selectors),
        seed=seed,
    )
    title = "recover and compare"
    outcomes = run_on_scans(comparison.check, sorted(claims), jobs=jobs, title=title)
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise DataError(f"{failed[0].scene_id}: {failed[0].error} ({len(failed)} scans failed)")
    return summarise([check for outcome in outcomes for check in outcome.result or ()])


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What is compared on every scan; it is sent to the worker processes.

    Attributes:
        dataset: Where scans are read from.
        claims: The claims by scan.
        settings: Rules of the visibility tables.
        selectors: Rules that choose the frames.
        seed: Of the selectors' draws.
    """

    dataset: Dataset
    claims: Mapping[str, Sequence[Claim]]
    settings: Sequence[RecoverSettings]
    selectors: Sequence[Selector]
    seed: int

    def check(self, scene_id: str) -> list[PoseCheck]:
        """Recover a pose for every claim about a scan under every rule and selector."""
        scene, trajectory = self.dataset.scene(scene_id), self.dataset.trajectory(scene_id)
        checks = []
        for settings in self.settings:
            table = recover_scene(scene, trajectory, settings)
            for selector in self.selectors:
                for claim in self.claims[scene_id]:
                    rng = query_rng(self.seed, 0, claim.query.query_id)
                    pose = recover_pose(claim.query, scene, trajectory, table, selector, rng)
                    checks.append(compare(claim, scene, pose, table.rule))
        return checks


def summarise(checks: Sequence[PoseCheck]) -> list[Agreement]:
    """Average over questions, for each rule and selector in the order in which they come."""
    groups: dict[tuple[str, str], list[PoseCheck]] = {}
    for check in checks:
        groups.setdefault((check.rule, check.selector), []).append(check)
    return [_agreement(group) for group in groups.values()]


def _agreement(checks: list[PoseCheck]) -> Agreement:
    def mean(values: Mapping[int, float]) -> Estimate:
        return estimate(list(values.values()), [checks[i].scene_id for i in values])

    numbered = list(enumerate(checks))
    yaw = {i: c.yaw_error_deg for i, c in numbered}
    position = {i: c.position_error_m for i, c in numbered}
    return Agreement(
        rule=checks[0].rule,
        selector=checks[0].selector,
        n_fallbacks=sum(c.fallback for c in checks),
        yaw_median_deg=float(np.median(list(yaw.values()))),
        position_median_m=float(np.median(list(position.values()))),
        yaw_deg=mean(yaw),
        position_m=mean(position),
        lateral_same=mean({i: float(c.same) for i, c in numbered if c.lateral}),
        depth_same=mean({i: float(c.same) for i, c in numbered if not c.lateral}),
        opposite=mean({i: float(c.yaw_error_deg > OPPOSITE_DEG) for i, c in numbered}),
    )
