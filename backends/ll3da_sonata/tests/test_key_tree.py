"""The published state dicts, entry by entry (section 3), on the meta device."""

from __future__ import annotations

import hashlib

import pytest
import torch

from posealign_core.errors import ConfigError
from posealign_ll3da_sonata.ptv3 import BASE, SMALL, EncoderConfig, PointTransformer

PUBLISHED = {
    "base": (
        BASE,
        "1c6446d10c0c2e016cb6c840e1fbc4a9478d4e168d22fb4ce9b3ce1d3ed8e1af",
        (453, 108_461_376),
        {
            "embedding": (5, 624),
            "enc.enc0": (54, 278_928),
            "enc.enc1": (58, 1_115_712),
            "enc.enc2": (58, 4_452_480),
            "enc.enc3": (220, 70_932_096),
            "enc.enc4": (58, 31_681_536),
        },
    ),
    "small": (
        SMALL,
        "dae1fb906f3436b06ecf005a0197166cc52299f0ca741cde45040de41eb9cd67",
        (273, 38_648_992),
        {
            "embedding": (5, 416),
            "enc.enc0": (36, 83_008),
            "enc.enc1": (40, 332_096),
            "enc.enc2": (40, 1_323_648),
            "enc.enc3": (112, 15_788_288),
            "enc.enc4": (40, 21_121_536),
        },
    ),
}


def state_of(config):
    with torch.device("meta"):
        return PointTransformer(config).state_dict()


def n_and_size(tensors):
    return len(tensors), sum(t.numel() for t in tensors)


@pytest.mark.parametrize("name", PUBLISHED)
def test_manifest(name):
    config, digest, total, parts = PUBLISHED[name]
    state = state_of(config)
    lines = sorted(f"{key} {'x'.join(map(str, t.shape))}" for key, t in state.items())
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == digest
    assert n_and_size([*state.values()]) == total
    for prefix, expected in parts.items():
        inside = [t for key, t in state.items() if key.startswith(f"{prefix}.")]
        assert n_and_size(inside) == expected


def test_block_shapes():
    """The 18 tensors of a block of width C, C = 96."""
    state = state_of(BASE)
    prefix = "enc.enc1.block2."
    found = {k.removeprefix(prefix): tuple(t.shape) for k, t in state.items() if prefix in k}
    pairs = {
        "cpe.0": (96, 3, 3, 3, 96),
        "cpe.1": (96, 96),
        "cpe.2": (96,),
        "norm1.0": (96,),
        "attn.qkv": (288, 96),
        "attn.proj": (96, 96),
        "norm2.0": (96,),
        "mlp.0.fc1": (384, 96),
        "mlp.0.fc2": (96, 384),
    }
    weights = {f"{key}.weight": shape for key, shape in pairs.items()}
    assert found == weights | {f"{key}.bias": shape[:1] for key, shape in pairs.items()}
    assert sum(torch.Size(shape).numel() for shape in found.values()) == 40 * 96**2 + 17 * 96


def test_no_mask_token():
    assert "embedding.mask_token" not in state_of(EncoderConfig(mask_token=False))


def test_initial_values():
    """Section 3: normal within bounds, zero biases, norms at one and zero."""
    torch.manual_seed(0)
    small = EncoderConfig(depths=(1,), channels=(64,), n_heads=(4,), patch_sizes=(8,), strides=())
    state = PointTransformer(small).state_dict()
    for key, tensor in state.items():
        if key.endswith("bias") or key == "embedding.mask_token":
            assert not tensor.any(), key
        elif tensor.ndim == 1:
            assert (tensor == 1).all(), key
        else:
            assert tensor.std().item() == pytest.approx(0.02, rel=0.1), key


def test_rates_of_stochastic_depth():
    with torch.device("meta"):
        encoder = PointTransformer(SMALL)
    rates = [m.drop_path for m in encoder.modules() if hasattr(m, "drop_path")]
    assert rates == pytest.approx([0.3 * t / 13 for t in range(14)])


def test_sizes_that_do_not_fit():
    with pytest.raises(ConfigError) as caught:
        EncoderConfig(depths=(1, 1), n_heads=(5, 6, 12, 24, 32), curves=("z", "snake"))
    assert [fault.split(",")[0] for fault in caught.value.faults] == [
        f"wanted curves out of {BASE.curves}".split(",")[0],
        "wanted one value per stage in depths",
        "wanted heads that divide the width",
    ]
