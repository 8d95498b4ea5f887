from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from posealign_chat_scene.extraction.patches import (
    ImageFit,
    fit_image,
    fused_features,
    patch_window,
)
from posealign_chat_scene.extraction.views import ObjectView


def _view(low, high, area=1200.0, object_id=0) -> ObjectView:
    return ObjectView(object_id, area, low, high)


@pytest.mark.parametrize(
    ("low", "high", "rows", "columns"),
    [
        ((0, 0), (30, 40), (0, 1), (0, 1)),
        ((0, 0), (31, 41), (0, 2), (0, 2)),
        ((29, 39), (30, 40), (0, 1), (0, 1)),
        ((30, 40), (90, 80), (1, 3), (1, 2)),
        ((450, 600), (469, 629), (15, 16), (15, 16)),
    ],
)
def test_the_patches_under_a_box(low, high, rows, columns):
    window = patch_window(_view(low, high))
    assert [(s.start, s.stop) for s in window] == [rows, columns]


def test_views_are_weighed_by_area():
    patches = torch.zeros(2, 16, 16, 2)
    patches[0, 0, 0], patches[0, 0, 1] = torch.tensor([1.0, 0]), torch.tensor([3.0, 0])
    patches[1, 2, 2] = torch.tensor([0, 10.0])
    views = [
        [_view((0, 0), (20, 60), area=3000.0)],
        [_view((60, 80), (90, 120), area=1000.0), _view((60, 80), (90, 120), object_id=5)],
    ]
    fused = fused_features(patches, views)
    assert set(fused) == {0, 5}
    assert fused[0].tolist() == pytest.approx([0.75 * 2.0, 0.25 * 10.0])
    assert fused[5].tolist() == [0, 10]


def test_the_full_frame_is_stretched_and_the_released_crop_cuts_the_sides():
    color = np.zeros((480, 640, 3), np.uint8)
    color[:, :80] = 255  # the left eighth
    full, cut = fit_image(color, ImageFit.FULL_FRAME), fit_image(color, ImageFit.RELEASED)
    assert full.shape == cut.shape == (224, 224, 3)
    assert (full[:, :26] == 255).all()
    assert (full[:, 30:] == 0).all()
    assert (cut == 0).all()


def test_the_released_crop_is_that_of_the_published_processor():
    """Short edge to 256, that is 341x256, and the middle 224x224 of it."""
    color = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    resized = np.asarray(Image.fromarray(color).resize((341, 256), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(fit_image(color, ImageFit.RELEASED), resized[16:240, 58:282])
