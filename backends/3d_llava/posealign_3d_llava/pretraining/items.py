"""Encoded rooms with the class of each superpoint, made while training goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.pretraining.rooms import class_of_points, sample_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_3d_llava.config import LlavaConfig
    from posealign_3d_llava.pretraining.recipe import PretrainRecipe
    from posealign_core.backbone import Batch, Features

__all__ = ["NO_SUPERPOINT", "Rooms"]

NO_SUPERPOINT = -100
"""Class of the padding behind a scene's last superpoint."""


class Rooms(Dataset["Features"]):
    """Item i is drawn from (seed, i) alone; later items have larger rooms.

    Args:
        config: Of the backbone.
        recipe: Sizes and number of steps.
    """

    def __init__(self, config: LlavaConfig, recipe: PretrainRecipe) -> None:
        self._encoder = LlavaEncoder(config)
        self._n_classes = config.tower.n_classes
        self._recipe = recipe

    def __len__(self) -> int:
        return self._recipe.steps * self._recipe.batch_size

    def __getitem__(self, index: int) -> Features:
        """Draw and encode a room with its questions."""
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, index))
        largest = recipe.largest_room(index // recipe.batch_size)
        samples = sample_room(
            rng, int(rng.integers(2, largest + 1)), recipe.questions, recipe.spacing_m
        )
        placed = self._encoder.place(samples, train=True, rng=rng)
        features = self._encoder.describe(samples, placed, train=True, rng=rng)
        classes = class_of_points(samples[0].scene)[placed.rows]
        # All points of a superpoint belong to one object, so that its last one speaks for it.
        ids = placed.cloud.superpoint_ids
        of_superpoint = torch.zeros(int(ids.max()) + 1, dtype=torch.int64)
        of_superpoint[ids] = torch.from_numpy(np.where(classes < 0, self._n_classes, classes))
        return {**features, "classes": of_superpoint}

    def collate(self, items: Sequence[Features]) -> Batch:
        """A training batch of the encoder, and the classes (B, Q)."""
        classes: Any = [item["classes"] for item in items]
        padded = torch.nn.utils.rnn.pad_sequence(classes, True, NO_SUPERPOINT)
        return {**self._encoder.collate(items), "classes": padded}
