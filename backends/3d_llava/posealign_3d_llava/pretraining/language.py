"""What everything behind the U-Net learns: to answer, to mask, and to name what tokens show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.llava import LlavaBatch
from posealign_3d_llava.model.superpoints import Superpoints
from posealign_3d_llava.pretraining.batches import conversations_of, labels_of, masks_of
from posealign_3d_llava.pretraining.rooms import COLOR_NAMES, KIND_NAMES
from posealign_core.align.embed import EGO_FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_3d_llava.pretraining.batches import SuperpointLabels
    from posealign_3d_llava.pretraining.tower import SuperpointTask
    from posealign_rooms.pretraining import Ragged

__all__ = ["AnswerTask", "pooled"]


def pooled(rooms: Mapping[str, Ragged]) -> Superpoints:
    """Superpoints as the U-Net once left them: entries `features` and `superpoint_centers`."""
    centers = rooms["superpoint_centers"].padded(0.0)
    lengths = rooms["features"].lengths
    return Superpoints(
        features=rooms["features"].padded(0.0).float(),
        centers=centers,
        exact_centers=centers,
        valid=torch.arange(centers.shape[1], device=centers.device) < lengths[:, None],
    )


class AnswerTask(nn.Module):
    """Losses of conversations about rooms whose superpoints are pooled already.

    Args:
        backbone: What learns, but for its U-Net.
        heads: What the tower learned with; it goes on with it.
    """

    def __init__(self, backbone: LlavaBackbone, heads: SuperpointTask) -> None:
        super().__init__()
        self.lm = backbone.lm
        self.heads = heads
        # The first word stands for "trash can".
        self._kind_words = [_word(backbone, name.split()[0]) for name in KIND_NAMES]
        self._tint_words = [_word(backbone, name) for name in COLOR_NAMES]

    def forward(self, rooms: Mapping[str, Ragged]) -> dict[str, Tensor]:
        """Named losses of some rooms of a bank."""
        features = self.lm.tower.segmentor.refine(pooled(rooms))
        labels = labels_of(rooms)
        prompts, item_of_prompt = masks_of(rooms, "prompts")
        targets, item_of_target = masks_of(rooms, "targets")
        batch = LlavaBatch(
            text=conversations_of(rooms),
            cloud=None,
            prompt_masks=prompts,
            scene_of_prompt=item_of_prompt,
            targets=targets,
            scene_of_target=item_of_target,
        )
        loss = self.lm.training_loss(batch, _no_pose, features)
        return {
            "language": loss.language,
            "masks": loss.segmentation,
            "names": self._naming_loss(features, labels),
            **self.heads(features, labels),
        }

    def _naming_loss(self, features: SceneFeatures, labels: SuperpointLabels) -> Tensor:
        """Projected tokens lie near the words for what they show."""
        chosen = labels.inside
        tokens = self.lm.tower.alignment_proj(features.hidden[-1][chosen])
        ego = tokens.new_zeros(len(tokens), EGO_FEATURES)
        shown = self.lm.model.mm_projector(torch.cat([tokens, ego], dim=1))
        return self._word_loss(shown, self._kind_words, labels.kinds[chosen]) + self._word_loss(
            shown, self._tint_words, labels.tints[chosen]
        )

    def _word_loss(self, shown: Tensor, words: Sequence[int], wanted: Tensor) -> Tensor:
        table = self.lm.model.embed_tokens.weight[list(words)]
        return nn.functional.cross_entropy(shown @ table.T * table.shape[1] ** -0.5, wanted)


def _no_pose(_: int, coords: Tensor) -> Tensor:
    return coords.new_zeros(len(coords), EGO_FEATURES)


def _word(backbone: LlavaBackbone, word: str) -> int:
    (token,) = backbone.tokenizer(word, add_special_tokens=False)["input_ids"]
    return int(token)
