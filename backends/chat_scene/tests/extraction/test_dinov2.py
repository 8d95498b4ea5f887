from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import Dinov2Config as TheirConfig
from transformers import Dinov2Model

from posealign_chat_scene.extraction.cloud_batches import Precision
from posealign_chat_scene.extraction.dinov2 import LARGE, Dinov2, Dinov2Config, encode_images
from posealign_chat_scene.extraction.dinov2_weights import load_dinov2, random_dinov2
from posealign_core.errors import CheckpointMismatchError

SMALL = Dinov2Config(dim=32, depth=2, n_heads=4)


@pytest.fixture(scope="module")
def theirs() -> Dinov2Model:
    """An encoder of transformers, trained (so to speak) on images of 518x518."""
    torch.manual_seed(0)
    config = TheirConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=518, patch_size=14
    )
    model = Dinov2Model(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)


def _saved(theirs, folder, form):
    if form == "hub":
        theirs.save_pretrained(folder)
        return folder / "model.safetensors"
    torch.save(theirs.state_dict(), folder / "model.pt")
    return folder / "model.pt"


@pytest.mark.parametrize("form", ["hub", "state"])
def test_patches_equal_those_of_transformers(theirs, images, tmp_path, form):
    ours = load_dinov2(_saved(theirs, tmp_path, form), SMALL)
    patches = encode_images(ours, images, batch_size=2, precision=Precision.FLOAT32)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    pixels = (pixels - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    with torch.no_grad():
        wanted = theirs(pixel_values=pixels).last_hidden_state[:, 1:].view(3, 16, 16, 32)
    torch.testing.assert_close(patches, wanted, rtol=1e-5, atol=1e-5)


def test_the_authors_names_load_too(images, tmp_path):
    model = random_dinov2(2, SMALL)
    torch.save({**model.vit.state_dict(), "mask_token": torch.zeros(1, 32)}, tmp_path / "x.pth")
    loaded = load_dinov2(tmp_path / "x.pth", SMALL)
    one, other = (
        encode_images(m, images, batch_size=3, precision=Precision.FLOAT32) for m in (model, loaded)
    )
    assert torch.equal(one, other)


def test_other_sizes_are_refused(theirs, tmp_path):
    path = _saved(theirs, tmp_path, "hub")
    with pytest.raises(CheckpointMismatchError, match=r"blocks\.2"):
        load_dinov2(path, Dinov2Config(dim=32, depth=3, n_heads=4))


def test_a_file_without_keys_is_refused(theirs, tmp_path):
    state = {k: v for k, v in theirs.state_dict().items() if "layer.0.attention.k_proj" not in k}
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(CheckpointMismatchError, match="query, key and value"):
        load_dinov2(tmp_path / "x.pt", SMALL)


def test_the_published_size():
    with torch.device("meta"):
        tree = Dinov2(LARGE).vit.state_dict()
    assert tuple(tree["pos_embed"].shape) == (1, 257, 1024)
    assert tuple(tree["blocks.23.mlp.fc1.weight"].shape) == (4096, 1024)
    assert tuple(tree["blocks.23.ls2.gamma"].shape) == (1024,)


def test_no_images_are_no_patches():
    none = np.zeros((0, 224, 224, 3), np.uint8)
    model = random_dinov2(0)
    assert encode_images(model, none, batch_size=2, precision=Precision.FLOAT32).shape == (
        0, 16, 16, 64,
    )  # fmt: skip
