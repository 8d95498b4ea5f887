"""Encoded scenes and detected objects, each computed once for the questions about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from posealign_core.nn.feature_cache import FeatureCache
from posealign_ll3da.model.cloud import CloudBatch
from posealign_ll3da.model.nms import keep_proposals
from posealign_ll3da.rows import joined, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from posealign_core.backbone import Batch
    from posealign_ll3da.model.network import Ll3daNetwork
    from posealign_ll3da.model.proposals import Proposals
    from posealign_ll3da.model.scene import SceneFeatures

__all__ = ["Detected", "Scenes", "clouds_of", "encoded_once"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Detected:
    """What the detector found in clouds.

    Attributes:
        scene: Their tokens.
        proposals: Boxes with classes and features.
        kept: (B, Q) bool, proposals that are no background and survive suppression.
    """

    scene: SceneFeatures
    proposals: Proposals
    kept: Tensor


class Scenes:
    """Encodes and detects in distinct clouds, until the detector's weights change.

    A scene of 1,024 tokens takes a megabyte, with its proposals about three.
    """

    def __init__(self) -> None:
        self._encoded: FeatureCache[SceneFeatures] = FeatureCache()
        self._detected: FeatureCache[Detected] = FeatureCache()

    def encoded(self, network: Ll3daNetwork, batch: Batch) -> SceneFeatures:
        """Tokens of the cloud of every question."""
        return encoded_once(
            self._encoded,
            network.detector,
            batch,
            batch["cloud_of_question"],
            lambda rows: network.encode(clouds_of(batch, rows)),
        )

    def detected(self, network: Ll3daNetwork, batch: Batch, clouds: Tensor) -> Detected:
        """What is found in some of the batch's clouds (R,), which may repeat."""
        used, place = clouds.unique(return_inverse=True)  # type: ignore[no-untyped-call]
        digests = [batch["cloud_digests"][row] for row in used.tolist()]

        def compute(places: list[int]) -> list[Detected]:
            cloud = clouds_of(batch, used[places])
            scene, proposals = network.detect(cloud)
            kept = keep_proposals(proposals, cloud.xyz, network.captioner.fidelity.nms_background)
            kept &= proposals.is_object
            found = Detected(scene=scene, proposals=proposals, kept=kept)
            singles = [rows_of(found, torch.tensor([row])) for row in range(len(places))]
            for place, single in zip(places, singles, strict=True):
                self._encoded.put(network.detector, digests[place], single.scene)
            return singles

        return rows_of(joined(self._detected.get(network.detector, digests, compute)), place)


def encoded_once(
    cache: FeatureCache[T],
    reader: nn.Module,
    batch: Batch,
    clouds: Tensor,
    encode: Callable[[Tensor], T],
) -> T:
    """What a network reads in some of a batch's clouds.

    Args:
        cache: What was read before.
        reader: The weights that this depends on.
        batch: With digests of its clouds.
        clouds: (R,) which may repeat.
        encode: Reads distinct clouds (R',) into rows of data classes.
    """
    used, place = clouds.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    digests = [batch["cloud_digests"][row] for row in used.tolist()]

    def compute(places: list[int]) -> list[T]:
        found = encode(used[places])
        return [rows_of(found, torch.tensor([row])) for row in range(len(places))]

    return rows_of(joined(cache.get(reader, digests, compute)), place)


def clouds_of(batch: Batch, rows: Tensor) -> CloudBatch:
    """The network's input for some of a batch's clouds (R,)."""
    return CloudBatch(xyz=batch["xyz"][rows], features=batch["channels"][rows])
