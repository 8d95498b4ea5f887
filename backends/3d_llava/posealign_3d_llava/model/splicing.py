"""Put scene tokens and prompts where the text has markers (specification section 4.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from posealign_3d_llava.model.special_tokens import IGNORE_INDEX, IMAGE_INDEX, LOC_INDEX
from posealign_core.errors import ShapeError
from posealign_core.language.packing import PADDING, PREFIX

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Insertions", "SplicedBatch", "TextBatch", "splice"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TextBatch:
    """B token sequences, padded on either side.

    Attributes:
        input_ids: (B, L) int64; negative ids are markers.
        attention_mask: (B, L) bool, False on padding.
        labels: (B, L) int64, or None when nothing is to be learned.
        segments: (B, L) int64 question of each token, where sequences hold several that must not
            see each other; see `posealign_core.language.packing`.
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor | None = None
    segments: Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Insertions:
    """What replaces the markers, in the width of the language model.

    Attributes:
        scene: (B, K, D) scene tokens.
        scene_valid: (B, K) bool; the valid ones come first.
        prompts: (P, D) prompt tokens, in the order of their `<loc>` in the batch.
        scene_of_prompt: (P,) int64, ascending.
    """

    scene: Tensor
    scene_valid: Tensor
    prompts: Tensor
    scene_of_prompt: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class SplicedBatch:
    """Input of the language model.

    Attributes:
        embeds: (B, L', D), zero on padding.
        attention_mask: (B, L') bool.
        labels: (B, L') int64, `IGNORE_INDEX` on padding and insertions, or None.
        predicts_seg: (B, L') bool, True where the next token of the text is [SEG].
        n_cut: (B,) int64 positions that did not fit into the maximum length.
        segments: (B, L') int64 as in `TextBatch`, the scene being shared by all questions, or None.
    """

    embeds: Tensor
    attention_mask: Tensor
    labels: Tensor | None
    predicts_seg: Tensor
    n_cut: Tensor
    segments: Tensor | None = None


def splice(
    text: TextBatch,
    insertions: Insertions,
    embed_tokens: nn.Module,
    *,
    seg_token_id: int,
    max_length: int,
    padding_side: Literal["left", "right"] = "right",
) -> SplicedBatch:
    """Embed a batch of texts with their scenes and prompts.

    Args:
        text: The sequences; each has one `<image>`, and one `<loc>` per prompt of its scene.
        insertions: What replaces the markers.
        embed_tokens: From ids to embeddings (..., D).
        seg_token_id: Id of [SEG].
        max_length: What is longer loses its end.
        padding_side: Where shorter sequences are filled up; left for generation.

    Raises:
        ShapeError: The markers do not match the insertions.
    """
    ids, kept = text.input_ids, text.attention_mask
    is_image, is_loc = (ids == IMAGE_INDEX) & kept, (ids == LOC_INDEX) & kept
    _check_markers(is_image, is_loc, insertions)
    n_scene = insertions.scene_valid.sum(1, keepdim=True)
    widths = torch.where(is_image, n_scene, kept.long())
    ends = widths.cumsum(1)
    totals = ends[:, -1]
    length = min(int(totals.max()), max_length)
    shift = (length - totals.clamp(max=length))[:, None] * (padding_side == "left")
    positions = ends - widths + shift

    text_item, text_column = (kept & ~is_image & (positions < length)).nonzero(as_tuple=True)
    text_position = positions[text_item, text_column]
    slots = positions[is_image][:, None] + torch.arange(int(n_scene.max()), device=ids.device)
    fits = insertions.scene_valid[:, : slots.shape[1]] & (slots < length)
    scene_item, scene_rank = fits.nonzero(as_tuple=True)

    words = embed_tokens(ids.clamp(min=0))
    words = words.index_put(is_loc.nonzero(as_tuple=True), insertions.prompts.to(words.dtype))
    embeds = words.new_zeros(len(ids), length, words.shape[-1])
    embeds = embeds.index_put((text_item, text_position), words[text_item, text_column])
    embeds = embeds.index_put(
        (scene_item, slots[scene_item, scene_rank]),
        insertions.scene[scene_item, scene_rank].to(words.dtype),
    )

    def moved(values: Tensor, fill: int) -> Tensor:
        """Per-text values (B, L) at their new places, `fill` everywhere else."""
        out = values.new_full((len(ids), length), fill)
        return out.index_put((text_item, text_position), values[text_item, text_column])

    columns = torch.arange(length, device=ids.device) - shift
    return SplicedBatch(
        embeds=embeds,
        attention_mask=(columns >= 0) & (columns < totals[:, None]),
        labels=None
        if text.labels is None
        else moved(text.labels.masked_fill(is_loc, IGNORE_INDEX), IGNORE_INDEX),
        predicts_seg=moved(_before_seg(ids, kept, seg_token_id) & ~is_loc, 0),
        n_cut=(totals - length).clamp(min=0),
        segments=None
        if text.segments is None
        else moved(text.segments, PADDING).index_put(
            (scene_item, slots[scene_item, scene_rank]), text.segments.new_tensor(PREFIX)
        ),
    )


def _before_seg(ids: Tensor, kept: Tensor, seg_token_id: int) -> Tensor:
    """(B, L) bool: the next token of the text is [SEG]."""
    is_seg = (ids == seg_token_id) & kept
    return torch.cat([is_seg[:, 1:], torch.zeros_like(is_seg[:, :1])], dim=1)


def _check_markers(is_image: Tensor, is_loc: Tensor, insertions: Insertions) -> None:
    n_images, n_locs = is_image.sum(1), is_loc.sum(1)
    n_prompts = insertions.scene_of_prompt.bincount(minlength=len(is_image))
    if (n_images != 1).any() or not torch.equal(n_locs, n_prompts):
        raise ShapeError(
            "splicing: wanted one <image> per text and one <loc> per prompt, found "
            f"{n_images.tolist()} <image>, {n_locs.tolist()} <loc> and {n_prompts.tolist()} prompts"
        )
