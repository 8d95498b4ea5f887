"""Names, shapes and counts of sections 2.4, 3.1 and 3.10, written out a second time."""

from __future__ import annotations

import pytest
import torch

from posealign_3d_llava.model.config import TowerConfig
from posealign_3d_llava.model.tower import PointCloudTower
from posealign_core.nn.sparse_conv import PointwiseConv3d

Shapes = dict[str, tuple[int, ...]]


def bn(key: str, n: int) -> Shapes:
    return {f"{key}.{name}": (n,) for name in ("weight", "bias", "running_mean", "running_var")}


def linear(key: str, n_in: int, n_out: int) -> Shapes:
    return {f"{key}.weight": (n_out, n_in), f"{key}.bias": (n_out,)}


def norm(key: str, n: int) -> Shapes:
    return {f"{key}.weight": (n,), f"{key}.bias": (n,)}


def conv_branch(key: str, n_in: int, n_out: int) -> Shapes:
    return {
        **bn(f"{key}.conv_branch.0", n_in),
        f"{key}.conv_branch.2.weight": (n_out, 3, 3, 3, n_in),
        **bn(f"{key}.conv_branch.3", n_out),
        f"{key}.conv_branch.5.weight": (n_out, 3, 3, 3, n_out),
    }


def unet() -> Shapes:
    shapes: Shapes = {}
    for j in range(5):
        path, p, deeper = "u." * j, 32 * (j + 1), 32 * (j + 2)
        for block in ("block0", "block1"):
            shapes |= conv_branch(f"{path}blocks.{block}", p, p)
        if j < 4:
            shapes |= bn(f"{path}conv.0", p)
            shapes[f"{path}conv.2.weight"] = (deeper, 2, 2, 2, p)
            shapes |= bn(f"{path}deconv.0", deeper)
            shapes[f"{path}deconv.2.weight"] = (p, 2, 2, 2, deeper)
            shapes[f"{path}blocks_tail.block0.i_branch.0.weight"] = (p, 1, 1, 1, 2 * p)
            shapes |= conv_branch(f"{path}blocks_tail.block0", 2 * p, p)
            shapes |= conv_branch(f"{path}blocks_tail.block1", p, p)
    return shapes


def attention(key: str, *, biased: bool) -> Shapes:
    shapes: Shapes = {}
    for i in range(3):
        layer = f"{key}.self_attn_layers.{i}"
        if biased:
            shapes[f"{layer}.scale_factor"] = (8,)
            shapes |= linear(f"{layer}.gen_tau", 256, 8)
        shapes[f"{layer}.attn.in_proj_weight"] = (768, 256)
        shapes[f"{layer}.attn.in_proj_bias"] = (768,)
        shapes |= linear(f"{layer}.attn.out_proj", 256, 256)
        shapes |= norm(f"{layer}.norm", 256)
        shapes |= linear(f"{key}.ffn_layers.{i}.net.0", 256, 1024)
        shapes |= linear(f"{key}.ffn_layers.{i}.net.3", 1024, 256)
        shapes |= norm(f"{key}.ffn_layers.{i}.norm", 256)
    return shapes | linear(f"{key}.query_proj.0", 32, 256) | linear(f"{key}.query_proj.2", 256, 256)


def mask_head(key: str) -> Shapes:
    return {
        **norm(f"{key}.out_norm", 256),
        **linear(f"{key}.x_mask.0", 32, 256),
        **linear(f"{key}.x_mask.2", 256, 256),
    }


def expected() -> Shapes:
    decoder = "segmentor.decoder"
    return {
        "segmentor.input_conv.0.weight": (32, 3, 3, 3, 6),
        **bn("segmentor.output_layer.0", 32),
        **linear("segmentor.pos_encode.0", 3, 32),
        **norm("segmentor.pos_encode.1", 32),
        **linear("segmentor.pos_encode.3", 32, 32),
        **linear("segmentor.alignment_proj.0", 256, 1024),
        **linear("alignment_proj.0", 256, 1024),
        **{f"segmentor.unet.{key}": shape for key, shape in unet().items()},
        **attention(decoder, biased=True),
        **mask_head(decoder),
        **linear(f"{decoder}.out_cls.0", 256, 256),
        **linear(f"{decoder}.out_cls.2", 256, 199),
        **linear(f"{decoder}.out_sem", 256, 201),
        **attention("visual_sampler", biased=True),
        **attention("mask_decoder", biased=False),
        **mask_head("mask_decoder"),
        **linear("hidden_seg_fc.0", 4096, 1024),
        **linear("hidden_seg_fc.2", 1024, 256),
    }


@pytest.fixture(scope="module")
def tower() -> PointCloudTower:
    with torch.device("meta"):
        return PointCloudTower(TowerConfig())


def test_the_399_keys_and_shapes(tower: PointCloudTower):
    found = {key: tuple(value.shape) for key, value in tower.state_dict().items()}
    assert found == expected()
    assert len(found) == 399
    assert len([key for key in found if key.startswith("segmentor.unet.")]) == 224
    assert len([key for key in found if key.startswith("segmentor.decoder.")]) == 61


def test_parameter_counts(tower: PointCloudTower):
    def count(module: torch.nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    assert count(tower) == 23_343_568
    assert count(tower.segmentor) == 13_917_856
    assert count(tower.segmentor.unet) == 10_955_136
    assert count(tower.visual_sampler) == 2_449_712
    assert count(tower.mask_decoder) == 2_518_272
    assert count(tower.hidden_seg_fc) == 4_457_728


def test_the_shared_projection_is_one_parameter_with_two_names(tower: PointCloudTower):
    names = [name for name, _ in tower.named_parameters() if "alignment_proj" in name]
    assert names == ["segmentor.alignment_proj.0.weight", "segmentor.alignment_proj.0.bias"]


def test_45_batch_norms_and_4_pointwise_convolutions(tower: PointCloudTower):
    buffers = [name for name, _ in tower.segmentor.named_buffers()]
    assert len(buffers) == 90
    pointwise = [m for m in tower.modules() if isinstance(m, PointwiseConv3d)]
    assert len(pointwise) == 4


def test_copies_of_the_decoder_are_equal_where_names_match(tiny_config: TowerConfig):
    tower = PointCloudTower(tiny_config)
    tower.copy_decoder()
    decoder = tower.segmentor.decoder.state_dict()
    for module in (tower.visual_sampler, tower.mask_decoder):
        for key, value in module.state_dict().items():
            assert torch.equal(value, decoder[key]), key
    assert "out_norm.weight" in tower.mask_decoder.state_dict()
