"""The CPU side: aligned samples to voxels, visual prompts and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from posealign_ll3da.encode.clouds import Clouds
from posealign_ll3da.encode.questions import QuestionEncoder
from posealign_ll3da_sonata.encode.clouds import PlacedVoxels, concatenated, voxelize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from torch import Tensor

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.encode.placement import Placement
    from posealign_ll3da_sonata.config import SonataConfig

__all__ = ["SonataEncoder"]


class SonataEncoder(QuestionEncoder[PlacedVoxels]):
    """LL3DA's questions about voxels. A box prompt turns with the scene and stays a tight one.

    Args:
        config: Of the backbone.

    Raises:
        ConfigError: Texts or tokenizers do not fit together.
        DataError: A file that the config names is missing or damaged.
    """

    fitted_boxes: ClassVar[bool] = False

    def __init__(self, config: SonataConfig) -> None:
        self._voxel_config = config.cloud
        super().__init__(config, Clouds(config.cloud, self._make))

    def join(self, clouds: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
        """Put clouds one after the other."""
        return concatenated(clouds)

    def _make(
        self, sample: AlignedSample, placement: Placement, rng: np.random.Generator
    ) -> PlacedVoxels:
        return voxelize(sample, placement, self._voxel_config, rng)
