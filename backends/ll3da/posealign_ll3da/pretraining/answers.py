"""What the captioner learns from scenes that a frozen detector has encoded: to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from posealign_ll3da.model.pose_codes import EgoFeatures
from posealign_ll3da.pretraining.batches import labels_of, of_one_length, words_of
from posealign_ll3da.pretraining.rooms import COLOR_NAMES, KIND_NAMES
from posealign_ll3da.pretraining.tokens import scenes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from posealign_ll3da.captioner_backbone import CaptionerBackbone
    from posealign_ll3da.model.scene import SceneFeatures
    from posealign_rooms.pretraining import Ragged

__all__ = ["AnswerTask"]

NAMES_WEIGHT = 0.2


class _Names(NamedTuple):
    """Tokens of the words for kinds and colours.

    Attributes:
        kinds: (20,) int64.
        tints: (10,) int64.
    """

    kinds: Tensor
    tints: Tensor


class AnswerTask(nn.Module):
    """Cross-entropy of answers, and of what single scene tokens are called.

    Which token is meant by a word, and by which word a token is told, is what every answer needs
    first, and what answers alone teach very slowly.

    Args:
        backbone: What learns, but for what reads the scan.
    """

    def __init__(self, backbone: CaptionerBackbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.captioner = backbone.captioner
        llm, qformer = backbone.tokenizers
        self._pads = {"llm_pad_id": llm.pad_token_id, "qformer_pad_id": qformer.pad_token_id}
        device = self.captioner.latent_query.weight.device
        self._asked, self._said = (_names(words, device) for words in (qformer, llm))

    def forward(self, rooms: Mapping[str, Ragged]) -> dict[str, Tensor]:
        """Named losses of some rooms of a bank `with_tokens`."""
        batch, scenes = words_of(rooms, **self._pads), scenes_of(rooms)
        boxes = rooms["box_features"].values.float()[:, None]
        prefix, text = self.backbone.read(batch, scenes, boxes)
        misses = self.captioner.misses(prefix, text, batch["answer"])
        # A place is 19 tokens and a colour 2: between one vote a token and one a question.
        per_question = batch["answer"].sum(dim=1)
        weights = per_question.rsqrt()[batch["answer"].nonzero()[:, 0]]
        return {
            "language": (misses * weights).sum() / weights.sum(),
            "names": NAMES_WEIGHT * self._naming_loss(rooms, scenes),
        }

    def _naming_loss(self, rooms: Mapping[str, Ragged], scenes: SceneFeatures) -> Tensor:
        """Words find tokens as keys, and tokens as values tell words, in each cross-attention."""
        labels = labels_of(rooms, of_one_length(rooms["token_object"]).long())
        captioner, n = self.captioner, self.captioner.n_ego_features
        ego = EgoFeatures(
            tokens=scenes.xyz.new_zeros(*scenes.xyz.shape[:2], n),
            clicks=scenes.xyz.new_zeros(len(scenes.xyz), 0, n),
        )
        tokens = captioner.with_pose(scenes, ego)[0][labels.inside]
        seen = captioner.encoder_to_qformer_projection(tokens)
        shown = (labels.kinds[labels.inside], labels.tints[labels.inside])
        layers: list[Any] = [*captioner.qformer.encoder.layer]
        losses = [
            loss
            for layer in layers
            if layer.has_cross_attention
            for loss in self._layer_losses(layer.crossattention, seen, shown)
        ]
        return torch.stack(losses).mean()

    def _layer_losses(self, cross: Any, seen: Tensor, shown: Sequence[Tensor]) -> list[Tensor]:
        """Losses of one cross-attention on tokens (n, C) that show kinds (n,) and colours (n,)."""
        captioner, look, write = self.captioner, cross.attention, cross.output
        embeddings = captioner.qformer.embeddings
        told = captioner.qformer_to_language_projection(
            write.LayerNorm(write.dense(look.value(seen)))
        )
        keys = look.key(seen) * seen.shape[1] ** -0.5
        losses = []
        for found, asked, said in zip(shown, self._asked, self._said, strict=True):
            words = look.query(embeddings.layernorm(embeddings.word_embeddings(asked)))
            losses += [
                nn.functional.cross_entropy(keys @ words.T, found),
                nn.functional.cross_entropy(told @ captioner.embed(said).T, found),
            ]
        return losses


def _names(tokenizer: PreTrainedTokenizerBase, device: torch.device) -> _Names:
    # The first word stands for "trash can".
    kinds = [name.split()[0] for name in KIND_NAMES]
    return _Names(_ids(tokenizer, kinds, device), _ids(tokenizer, COLOR_NAMES, device))


def _ids(tokenizer: PreTrainedTokenizerBase, words: Sequence[str], device: torch.device) -> Tensor:
    return torch.tensor(tokenizer.convert_tokens_to_ids(list(words)), device=device)
