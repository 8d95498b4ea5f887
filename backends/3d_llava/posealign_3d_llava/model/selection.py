"""Which superpoints become scene tokens (specification section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from torch import Tensor, nn

    from posealign_3d_llava.model.segmentor import SceneFeatures

__all__ = ["SceneTokens", "select_tokens"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneTokens:
    """The tokens of B scenes, most confident first; rows past the end of a scene mean nothing.

    Attributes:
        tokens: (B, K, W) before the projector.
        coords: (B, K, 3) centres of their superpoints, metres, in INPUT, for whoever relates the
            tokens to a pose.
        scores: (B, K) largest class probability, falling; -inf past the end of a scene.
        superpoints: (B, K) int64 row of each token's superpoint.
        valid: (B, K) bool.
    """

    tokens: Tensor
    coords: Tensor
    scores: Tensor
    superpoints: Tensor
    valid: Tensor


def select_tokens(
    features: SceneFeatures, project: nn.Module, n_tokens: int, rounding: Fidelity
) -> SceneTokens:
    """Keep the superpoints that look most like an object.

    Args:
        features: The encoded scenes.
        project: From decoder states (B, K, D) to tokens (B, K, W).
        n_tokens: Most tokens per scene; a smaller scene gives all its superpoints.
        rounding: See `ModelFidelity.token_coords`.
    """
    superpoints = features.superpoints
    confidence = features.class_logits.softmax(dim=-1)[..., :-1].amax(dim=-1)
    confidence = confidence.masked_fill(~superpoints.valid, float("-inf"))
    scores, rows = confidence.topk(min(n_tokens, confidence.shape[1]), dim=1)

    def selected(values: Tensor) -> Tensor:
        return values.gather(1, rows[..., None].expand(-1, -1, values.shape[-1]))

    released = rounding is Fidelity.RELEASED
    return SceneTokens(
        tokens=project(selected(features.hidden[-1])),
        coords=selected(superpoints.centers if released else superpoints.exact_centers),
        scores=scores,
        superpoints=rows,
        valid=superpoints.valid.gather(1, rows),
    )
