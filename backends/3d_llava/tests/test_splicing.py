from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from posealign_3d_llava.model.special_tokens import IGNORE_INDEX, IMAGE_INDEX, LOC_INDEX
from posealign_3d_llava.model.splicing import Insertions, TextBatch, splice
from posealign_core.errors import ShapeError

SEG = 9
PAD = 0


class Identity(torch.nn.Module):
    """Embeds id i as (i, 0)."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.stack([ids.float(), torch.zeros_like(ids).float()], dim=-1)


def text(*rows: list[int], labelled: bool = True, left: bool = False) -> TextBatch:
    side = "left" if left else "right"
    ids = pad_sequence([torch.tensor(r) for r in rows], True, PAD, side)
    kept = pad_sequence([torch.ones(len(r)).bool() for r in rows], True, False, side)
    labels = torch.where(kept & (ids >= 0), ids * 10, IGNORE_INDEX)
    return TextBatch(input_ids=ids, attention_mask=kept, labels=labels if labelled else None)


def insertions(n_scene: list[int], prompts: list[int]) -> Insertions:
    """Scene token k of item b is (100 b + k, 1); prompt j is (-1 - j, 2)."""
    size = max(n_scene)
    scene = torch.tensor([[[100.0 * b + k, 1.0] for k in range(size)] for b in range(len(n_scene))])
    return Insertions(
        scene=scene,
        scene_valid=torch.arange(size) < torch.tensor(n_scene)[:, None],
        prompts=torch.tensor([[-1.0 - j, 2.0] for j in range(len(prompts))]).view(-1, 2),
        scene_of_prompt=torch.tensor(prompts, dtype=torch.int64),
    )


BATCH = ([1, IMAGE_INDEX, 5, SEG, 2], [1, 3, IMAGE_INDEX, LOC_INDEX, SEG, SEG, 2])


@pytest.mark.parametrize("left_in", [False, True])
def test_by_hand(left_in: bool):
    out = splice(
        text(*BATCH, left=left_in), insertions([2, 3], [1]), Identity(),
        seg_token_id=SEG, max_length=50,
    )  # fmt: skip
    assert out.embeds[..., 0].tolist() == [
        [1, 0, 1, 5, 9, 2, 0, 0, 0],
        [1, 3, 100, 101, 102, -1, 9, 9, 2],
    ]
    assert out.embeds[..., 1].tolist() == [
        [0, 1, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 2, 0, 0, 0],
    ]
    assert out.attention_mask.tolist() == [[True] * 6 + [False] * 3, [True] * 9]
    ignored = IGNORE_INDEX
    assert out.labels.tolist() == [
        [10, ignored, ignored, 50, 90, 20, ignored, ignored, ignored],
        [10, 30, ignored, ignored, ignored, ignored, 90, 90, 20],
    ]
    # The state before [SEG] is at 5 in the first text. In the second, <loc> precedes it and is no
    # text; the first [SEG] predicts the second.
    assert out.predicts_seg.nonzero().tolist() == [[0, 3], [1, 6]]
    assert out.n_cut.tolist() == [0, 0]


def test_left_padding_is_the_same_sequences_at_the_end():
    given = (text(*BATCH), insertions([2, 3], [1]), Identity())
    right = splice(*given, seg_token_id=SEG, max_length=50)
    left = splice(*given, seg_token_id=SEG, max_length=50, padding_side="left")
    assert left.attention_mask.tolist() == [[False] * 3 + [True] * 6, [True] * 9]
    for name in ("embeds", "labels", "predicts_seg"):
        a, b = getattr(right, name), getattr(left, name)
        assert torch.equal(a[0, :6], b[0, 3:]), name
        assert torch.equal(a[1], b[1]), name
    assert not left.embeds[0, :3].any()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("max_length", [1, 3, 5, 8])
def test_a_longer_sequence_loses_its_end(side, max_length: int):
    given = (text(*BATCH), insertions([2, 3], [1]), Identity())
    whole = splice(*given, seg_token_id=SEG, max_length=50)
    cut = splice(*given, seg_token_id=SEG, max_length=max_length, padding_side=side)
    assert cut.n_cut.tolist() == [max(6 - max_length, 0), max(9 - max_length, 0)]
    assert torch.equal(cut.embeds[1], whole.embeds[1, :max_length])
    first = min(6, max_length)
    kept = cut.embeds[0, cut.attention_mask[0]]
    assert torch.equal(kept, whole.embeds[0, :first])


def test_batch_equals_singles():
    whole = splice(
        text(*BATCH), insertions([2, 3], [1]), Identity(), seg_token_id=SEG, max_length=50
    )
    for i, row in enumerate(BATCH):
        both = insertions([2, 3], [1])
        n = [2, 3][i]
        mine = Insertions(
            scene=both.scene[i : i + 1, :n],
            scene_valid=both.scene_valid[i : i + 1, :n],
            prompts=both.prompts[: (0, 1)[i]],
            scene_of_prompt=torch.zeros((0, 1)[i], dtype=torch.int64),
        )
        one = splice(text(row), mine, Identity(), seg_token_id=SEG, max_length=50)
        length = one.embeds.shape[1]
        assert torch.equal(one.embeds[0], whole.embeds[i, :length])
        assert torch.equal(one.labels[0], whole.labels[i, :length])
        assert torch.equal(one.predicts_seg[0], whole.predicts_seg[i, :length])


def test_gradients_reach_words_scene_and_prompts():
    words = torch.nn.Embedding(10, 2)
    inserted = insertions([2, 3], [1])
    scene, prompts = inserted.scene.requires_grad_(), inserted.prompts.requires_grad_()
    out = splice(text(*BATCH), inserted, words, seg_token_id=SEG, max_length=50)
    out.embeds.sum().backward()
    assert scene.grad[..., 0].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert prompts.grad.tolist() == [[1, 1]]
    counts = torch.tensor([0, 2, 2, 1, 0, 1, 0, 0, 0, 3.0])
    assert torch.equal(words.weight.grad[:, 0], counts)


def test_without_labels_there_are_none():
    out = splice(
        text(*BATCH, labelled=False), insertions([2, 3], [1]), Identity(),
        seg_token_id=SEG, max_length=50,
    )  # fmt: skip
    assert out.labels is None
    assert out.predicts_seg.any()


@pytest.mark.parametrize(
    ("rows", "prompts"),
    [
        ([[1, 2]], []),
        ([[1, IMAGE_INDEX, IMAGE_INDEX]], []),
        ([[1, IMAGE_INDEX, LOC_INDEX]], []),
        ([[1, IMAGE_INDEX]], [0]),
        ([[1, IMAGE_INDEX, LOC_INDEX], [1, IMAGE_INDEX]], [1]),
    ],
)
def test_markers_must_match_insertions(rows: list[list[int]], prompts: list[int]):
    with pytest.raises(ShapeError, match="one <image> per text and one <loc> per prompt"):
        splice(
            text(*rows), insertions([2] * len(rows), prompts), Identity(),
            seg_token_id=SEG, max_length=50,
        )  # fmt: skip
