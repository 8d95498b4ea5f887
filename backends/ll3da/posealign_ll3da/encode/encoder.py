"""The CPU side: aligned samples to clouds for the detector, visual prompts and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_ll3da.encode.clouds import Clouds, DetectorCloud, make_cloud
from posealign_ll3da.encode.collate import stacked
from posealign_ll3da.encode.detected import sought_object
from posealign_ll3da.encode.placement import on_walls
from posealign_ll3da.encode.questions import QuestionEncoder, prompt_tensors
from posealign_ll3da.encode.visual_prompts import given_prompt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.config import Ll3daConfig
    from posealign_ll3da.encode.clouds import PlacedCloud
    from posealign_ll3da.encode.detected import Sought
    from posealign_ll3da.encode.placement import Placement

__all__ = ["Ll3daEncoder"]


class Ll3daEncoder(QuestionEncoder[DetectorCloud]):
    """Samples clouds for the detector; dense captions take another one that lies on the walls.

    Args:
        config: Of the backbone.

    Raises:
        ConfigError: Texts or tokenizers do not fit together.
        DataError: A file that the config names is missing or damaged.
    """

    def __init__(self, config: Ll3daConfig) -> None:
        self._cloud_config = config.cloud
        super().__init__(config, Clouds(config.cloud, self._make))

    def join(self, clouds: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Stack clouds; all have equally many points."""
        return stacked(clouds)

    def _make(
        self, sample: AlignedSample, placement: Placement, rng: np.random.Generator
    ) -> DetectorCloud:
        return make_cloud(sample, placement, self._cloud_config, rng)

    def _pointed_at(
        self, sample: AlignedSample, cloud: PlacedCloud, rng: np.random.Generator
    ) -> dict[str, Any]:
        captions = self._config.captions
        sought = sought_object(sample, cloud.placement) if captions == "dense" else None
        way = "click" if captions == "dense" and sought is None else captions
        return {
            **prompt_tensors(given_prompt(sample, cloud.placement, way)),
            "sought": sought,
            "detection": None if sought is None else self._detection(sample, sought, cloud, rng),
        }

    def _detection(
        self, sample: AlignedSample, sought: Sought, cloud: PlacedCloud, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """The cloud with walls along the axes, in which objects are detected."""
        if not np.allclose(sought.placed_from_walls, np.eye(4)):
            cloud = self._clouds.plain(sample, rng, on_walls(sample))
        return cloud.tensors()
