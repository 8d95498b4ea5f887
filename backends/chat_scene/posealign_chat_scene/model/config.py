"""Sizes and switches of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posealign_core.vocabulary import Fidelity

__all__ = ["Channel", "NetworkConfig"]

Channel = Literal["none", "fourier_minmax", "fourier_metric", "sine_metric"]
"""How an object's place reaches its tokens (specification 9.5).

`none` is the published model: places reach nothing. `fourier_minmax` stretches the scene's places
over the unit cube, so that order along each axis stays and distance is lost. `fourier_metric`
clamps them to fixed bounds, so that distance to the origin stays. `sine_metric` takes metres as
they are, along each axis by itself, through waves of fixed length.
"""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything but the language model's own sizes.

    Attributes:
        n_slots: Identifiers, and objects that a scene is seen as.
        point_dim: Length of an object's 3-D feature.
        image_dim: Length of an object's 2-D feature.
        ego_features: Widen the projection of 3-D features by six numbers that relate the object to
            the camera.
        channel: How places reach tokens.
        n_waves: Waves of the position channel; `sine_metric` shares them among the axes.
        metric_bound_m: Places beyond it are clamped, metres; for `fourier_metric`.
        prompt_rows: Released: the words around the objects keep the vectors that they had before
            training (Q1). Correct: they have those of the trained model.
    """

    n_slots: int = 100
    point_dim: int = 1024
    image_dim: int = 1024
    ego_features: bool = False
    channel: Channel = "none"
    n_waves: int = 64
    metric_bound_m: float = 8.0
    prompt_rows: Fidelity = Fidelity.CORRECT
