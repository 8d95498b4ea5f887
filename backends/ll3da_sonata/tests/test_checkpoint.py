"""Files in the published forms, and files that are not."""

from __future__ import annotations

import dataclasses
import os

import pytest
import torch
from encoders import TOY, golden_points, toy_encoder

from posealign_core.errors import (
    CheckpointMismatchError,
    ConfigError,
    DataError,
    UnsafeFileError,
)
from posealign_ll3da_sonata.ptv3 import BASE, SMALL, EncoderConfig, PointTransformer, load_encoder
from posealign_ll3da_sonata.ptv3.checkpoint import config_of_keywords

RELEASED = {
    "in_channels": 9,
    "order": ["z", "z-trans", "hilbert", "hilbert-trans"],
    "stride": [2, 2, 2, 2],
    "enc_depths": [3, 3, 3, 12, 3],
    "enc_channels": [48, 96, 192, 384, 512],
    "enc_num_head": [3, 6, 12, 24, 32],
    "enc_patch_size": [1024] * 5,
    "mlp_ratio": 4,
    "qkv_bias": True,
    "qk_scale": None,
    "attn_drop": 0.0,
    "proj_drop": 0.0,
    "drop_path": 0.3,
    "layer_scale": None,
    "pre_norm": True,
    "shuffle_orders": True,
    "enable_rpe": False,
    "enable_flash": True,
    "upcast_attention": False,
    "upcast_softmax": False,
    "traceable": True,
    "mask_token": True,
    "enc_mode": True,
    "freeze_encoder": False,
    "dec_depths": [3, 3, 3, 3],
}
TOY_KEYWORDS = RELEASED | {
    "enc_depths": TOY.depths,
    "enc_channels": TOY.channels,
    "enc_num_head": TOY.n_heads,
    "enc_patch_size": TOY.patch_sizes,
}


@pytest.fixture
def state():
    return toy_encoder().state_dict()


def saved(path, content):
    torch.save(content, path)
    return path


def same_features(encoder):
    with torch.no_grad():
        found = encoder(golden_points())[-1].points.features
        wanted = toy_encoder()(golden_points())[-1].points.features
    return torch.equal(found, wanted)


def test_keywords_of_the_base_model():
    assert config_of_keywords(RELEASED) == BASE


def test_keywords_left_out_have_the_released_defaults():
    found = config_of_keywords({"enc_mode": True, "order": "hilbert"})
    wanted = dataclasses.replace(BASE, in_channels=6, curves=("hilbert",), mask_token=False)
    assert found == wanted
    assert config_of_keywords({"enc_mode": True}).curves == ("z", "z-trans")


def test_keywords_of_other_networks_are_all_named():
    keywords = RELEASED | {"enc_mode": False, "enable_rpe": True, "pdnorm_bn": True}
    with pytest.raises(ConfigError) as caught:
        config_of_keywords(keywords)
    assert [fault[:24] for fault in caught.value.faults] == [
        "unknown keyword 'pdnorm_",
        "wanted enable_rpe: False",
        "wanted enc_mode: True, a",
    ]


def test_a_file_without_enc_mode_has_a_decoder():
    with pytest.raises(ConfigError, match="wanted enc_mode: True"):
        config_of_keywords({"in_channels": 9})


def test_published_form(tmp_path, state):
    path = saved(tmp_path / "toy.pth", {"config": TOY_KEYWORDS, "state_dict": state})
    encoder = load_encoder(path)
    assert encoder.sizes == TOY
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not any(p.is_meta for p in encoder.parameters())
    assert same_features(encoder)


@pytest.mark.parametrize("wrapper", ["", "module."])
@pytest.mark.parametrize("network", ["student", "teacher"])
def test_training_state(tmp_path, state, wrapper, network):
    other = {"student": "teacher", "teacher": "student"}[network]
    entries = {f"{wrapper}{network}.backbone.{key}": t for key, t in state.items()}
    entries |= {f"{wrapper}{other}.backbone.{key}": t + 1 for key, t in state.items()}
    entries |= {f"{wrapper}student.mask_head.weight": torch.zeros(2)}
    path = saved(tmp_path / "run.pth", {"epoch": 3, "state_dict": entries, "optimizer": {}})
    assert same_features(load_encoder(path, config=TOY, network=network))


def test_sizes_are_found_by_the_keys(tmp_path):
    """A training state names no sizes; expanded scalars keep this one small."""
    with torch.device("meta"):
        shapes = {k: t.shape for k, t in PointTransformer(SMALL).state_dict().items()}
    entries = {f"student.backbone.{k}": torch.zeros(()).expand(s) for k, s in shapes.items()}
    path = saved(tmp_path / "run.pth", {"state_dict": entries})
    assert load_encoder(path).sizes == SMALL


def test_sizes_that_no_published_encoder_has(tmp_path, state):
    path = saved(tmp_path / "toy.pth", {"state_dict": state})
    with pytest.raises(CheckpointMismatchError, match=r"201 tensors .* give its sizes"):
        load_encoder(path)


def test_mismatches_are_named(tmp_path, state):
    del state["embedding.stem.norm.bias"]
    state["enc.enc0.extra"] = torch.zeros(1)
    state["enc.enc4.block0.attn.proj.bias"] = torch.zeros(3)
    path = saved(tmp_path / "toy.pth", {"config": TOY_KEYWORDS, "state_dict": state})
    with pytest.raises(CheckpointMismatchError) as caught:
        load_encoder(path)
    message = str(caught.value)
    assert "1 missing ['embedding.stem.norm.bias']" in message
    assert "1 unexpected ['enc.enc0.extra']" in message
    assert "enc.enc4.block0.attn.proj.bias (3,) for (64,)" in message


@pytest.mark.parametrize(
    "content", [{"config": {}}, [1, 2], {"state_dict": {"a": 1}}, torch.zeros(3)]
)
def test_files_without_weights(tmp_path, content):
    with pytest.raises(DataError, match="wanted a state_dict of tensors"):
        load_encoder(saved(tmp_path / "odd.pth", content))


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="wanted a file, found none"):
        load_encoder(tmp_path / "sonata.pth")


def test_damaged_file(tmp_path, state):
    path = saved(tmp_path / "toy.pth", {"config": TOY_KEYWORDS, "state_dict": state})
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="damaged"):
        load_encoder(path)


def test_a_file_that_asks_for_code_is_not_run(tmp_path, state):
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    path = saved(tmp_path / "bad.pth", {"config": Hostile(), "state_dict": state})
    with pytest.raises(UnsafeFileError):
        load_encoder(path)
    assert not marker.exists()


def test_an_unknown_network(tmp_path, state):
    path = saved(tmp_path / "toy.pth", {"config": TOY_KEYWORDS, "state_dict": state})
    with pytest.raises(ConfigError, match="found 'ema'"):
        load_encoder(path, network="ema")


def test_other_sizes_than_the_file_has(tmp_path, state):
    path = saved(tmp_path / "toy.pth", {"config": TOY_KEYWORDS, "state_dict": state})
    with pytest.raises(CheckpointMismatchError):
        load_encoder(path, config=EncoderConfig(depths=(1,) * 5))
