"""Rules that choose one of the frames that see the target."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from posealign_core.errors import ConfigError, PoseNotFoundError
from posealign_core.geometry.frames import is_rigid
from posealign_core.recover.fallback import NoTarget
from posealign_core.structures.pose import EgoPose
from posealign_core.vocabulary import Fidelity, PoseSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import CameraTrajectory, Query

__all__ = ["Annotated", "Clip", "Given", "RandomFrame", "Selector", "Top"]


class Selector(abc.ABC):
    """Chooses a frame from the visibility scores of one object.

    Attributes:
        name: Name in configurations and in `EgoPose.selector`.
        needs_target: Whether the scores matter; where they do not, a query without a target is no
            reason for a fallback.
        no_target: Where a query without a target is asked from.
    """

    name: ClassVar[str]
    needs_target: bool = True
    no_target: NoTarget = NoTarget.FROM_TEXT

    def direct(self, query: Query, trajectory: CameraTrajectory) -> EgoPose | None:
        """A pose, in WORLD, that is known without looking at scores, or None: go by `select`.

        Args:
            query: The query.
            trajectory: All recorded frames of its scan.
        """
        del query, trajectory
        return None

    @abc.abstractmethod
    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """Choose a row of `scores`.

        Args:
            scores: (V,) visibility of the target in each kept frame, in [0, 1].
            rng: The only source of randomness.

        Returns:
            Index of the frame, or None when no frame sees the target.
        """


class Top(Selector):
    """The frame that sees most of the target; the first of equals, as published.

    Args:
        no_target: Where a query without a target is asked from.
    """

    name = "top"

    def __init__(self, no_target: NoTarget | str = NoTarget.FROM_TEXT) -> None:
        self.no_target = NoTarget(no_target)

    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """First index of the highest score."""
        del rng
        return int(np.argmax(scores)) if (scores > 0).any() else None


class Clip(Selector):
    """A random one of the frames that see the target, without the best and the worst.

    Of the n frames with a score above 0, in ascending order, the first and the last int(n ratio)
    are dropped; the rest are drawn from uniformly.

    The released code draws an element of the middle, which already is a frame, and uses it once
    more as a position in the order; and it drops nothing where int(n ratio) is 1 (3d_llava spec
    5.2, Q4, Q4b). `fidelity="released"` does the same. Equal scores keep frame order in both.

    Args:
        ratio: Share to drop at each end, at least 0 and below 0.5.
        fidelity: Correct, or as released.
        no_target: Where a query without a target is asked from.

    Raises:
        ConfigError: The ratio is out of range.
    """

    name = "clip"

    def __init__(
        self,
        ratio: float = 0.3,
        fidelity: Fidelity | str = Fidelity.CORRECT,
        no_target: NoTarget | str = NoTarget.FROM_TEXT,
    ) -> None:
        if not 0 <= ratio < 0.5:
            raise ConfigError(
                [f"ratio: wanted at least 0 and below 0.5, found {ratio}"], source="selector clip"
            )
        self.ratio = ratio
        self.fidelity = Fidelity(fidelity)
        self.no_target = NoTarget(no_target)

    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """A frame of the middle, or of what the released code takes for it."""
        seen = np.flatnonzero(scores > 0)
        if not len(seen):
            return None
        order = np.argsort(scores[seen], kind="stable")
        cut = int(len(seen) * self.ratio)
        released = self.fidelity is Fidelity.RELEASED
        if released and cut == 1:
            cut = 0
        drawn = int(rng.choice(order[cut : len(order) - cut]))
        return int(seen[order[drawn] if released else drawn])


class RandomFrame(Selector):
    """Any kept frame, whatever it sees."""

    name = "random"
    needs_target = False

    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """A uniform draw."""
        return int(rng.integers(len(scores))) if len(scores) else None


class Given(Selector):
    """One named frame, for every query.

    Args:
        frame_id: Name of a recorded frame; it need not be among the kept ones.
    """

    name = "given"
    needs_target = False

    def __init__(self, frame_id: str) -> None:
        self.frame_id = str(frame_id)

    def direct(self, query: Query, trajectory: CameraTrajectory) -> EgoPose | None:
        """The pose of the named frame.

        Raises:
            PoseNotFoundError: The scan has no such frame, or its pose is not usable.
        """
        where = f"scene {trajectory.scene_id!r}, query {query.query_id!r}"
        if self.frame_id not in trajectory.frame_ids:
            few = ", ".join(trajectory.frame_ids[:3])
            raise PoseNotFoundError(
                f"{where}: no frame {self.frame_id!r} among {len(trajectory)} recorded ({few}, ...)"
            )
        row = trajectory.frame_ids.index(self.frame_id)
        if not is_rigid(trajectory.world_from_camera[row]):
            raise PoseNotFoundError(
                f"{where}: the pose of frame {self.frame_id!r} is not finite and rigid; "
                "choose another frame"
            )
        return EgoPose(
            reference_from_camera=trajectory.pose(row),
            intrinsics=trajectory.intrinsics[row],
            source=PoseSource.USER,
            selector=self.name,
            frame_id=self.frame_id,
        )

    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """Nothing: scores have no say."""
        del scores, rng
        return None


class Annotated(Selector):
    """The pose that the data set gives for the query; another rule where it gives none.

    Args:
        otherwise: `"top"`, `"clip"` or `"random"`.
        benchmarks: Use the annotations of these benchmarks only; of all where empty.
        parameters: What that rule takes.

    Raises:
        ConfigError: There is no such rule.
    """

    name = "annotated"

    def __init__(
        self, otherwise: str = "top", *, benchmarks: Sequence[str] = (), **parameters: object
    ) -> None:
        rules = {rule.name: rule for rule in (Top, Clip, RandomFrame)}
        if otherwise not in rules:
            raise ConfigError(
                [f"otherwise: wanted one of {', '.join(rules)}, found {otherwise!r}"],
                source="selector annotated",
            )
        self.otherwise: Selector = rules[otherwise](**parameters)  # type: ignore[arg-type]
        self.needs_target = self.otherwise.needs_target
        self.no_target = self.otherwise.no_target
        self.benchmarks = frozenset(benchmarks)

    def direct(self, query: Query, trajectory: CameraTrajectory) -> EgoPose | None:
        """The annotation, with the camera of the scan's first frame."""
        if query.annotated_pose is None:
            return None
        if self.benchmarks and query.benchmark not in self.benchmarks:
            return None
        if not len(trajectory):
            raise PoseNotFoundError(
                f"scene {trajectory.scene_id!r}: no recorded frame, so no camera for the annotated "
                f"pose of query {query.query_id!r}"
            )
        return EgoPose(
            reference_from_camera=query.annotated_pose,
            intrinsics=trajectory.intrinsics[0],
            source=PoseSource.ANNOTATED,
            selector=self.name,
        )

    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """What the other rule chooses."""
        return self.otherwise.select(scores, rng)
