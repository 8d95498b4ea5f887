from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from posealign_chat_scene.extraction.cloud_batches import (
    Precision,
    arithmetic,
    cloud_batches,
    encode_clouds,
)
from posealign_chat_scene.extraction.object_clouds import ObjectCloud
from posealign_chat_scene.extraction.point_tokens import group_points_of
from posealign_chat_scene.extraction.uni3d import GIANT, TINY, Uni3D
from posealign_chat_scene.extraction.uni3d_weights import load_uni3d, random_uni3d
from posealign_core.errors import CheckpointMismatchError, DataError

SMALL = dataclasses.replace(TINY, depth=2)


def _clouds(*sizes) -> list[ObjectCloud]:
    rng = np.random.default_rng(0)
    return [
        ObjectCloud.build(
            i,
            rng.normal(size=(n, 3)).astype(np.float32),
            rng.integers(0, 256, (n, 3), np.uint8),
            least=TINY.group_size,
        )
        for i, n in enumerate(sizes)
    ]


def _tensors(cloud):
    points, colors = torch.from_numpy(cloud.points)[None], torch.from_numpy(cloud.colors)[None]
    return points, colors, torch.tensor([len(cloud.points)])


def test_the_published_size():
    with torch.device("meta"):
        tree = Uni3D(GIANT).state_dict()
    shapes = {key: tuple(value.shape) for key, value in tree.items()}
    assert shapes["encoder.first_conv.0.weight"] == (128, 6, 1)
    assert shapes["encoder.second_conv.3.weight"] == (512, 512, 1)
    assert shapes["encoder2trans.weight"] == (1408, 512)
    assert shapes["pos_embed.0.weight"] == (128, 3)
    assert shapes["pos_embed.2.weight"] == (1408, 128)
    assert shapes["visual.blocks.39.attn.qkv.weight"] == (3 * 1408, 1408)
    assert shapes["visual.blocks.39.mlp.fc1.weight"] == (6144, 1408)
    assert shapes["visual.fc_norm.weight"] == (1408,)
    assert shapes["trans2embed.weight"] == (1024, 1408)
    assert not any(".blocks.40." in key or "patch_embed" in key for key in shapes)


def _by_hand(w, cloud, config):
    """The network written a second time, from its weights alone."""
    groups = group_points_of(
        *_tensors(cloud), n_groups=config.n_groups, group_size=config.group_size
    )

    def conv(x, name):
        return x @ w[f"{name}.weight"][:, :, 0].T + w[f"{name}.bias"]

    def normed(x, name):
        scale = (w[f"{name}.running_var"] + 1e-5).rsqrt()
        return (x - w[f"{name}.running_mean"]) * scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def layer_norm(x, name):
        return functional.layer_norm(
            x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6
        )

    x = conv(groups.members[0], "encoder.first_conv.0")
    x = conv(normed(x, "encoder.first_conv.1").relu(), "encoder.first_conv.3")
    x = torch.cat([x.amax(1, keepdim=True).expand_as(x), x], -1)
    x = conv(x, "encoder.second_conv.0")
    x = conv(normed(x, "encoder.second_conv.1").relu(), "encoder.second_conv.3").amax(1)
    x = linear(x, "encoder2trans")
    x = x + linear(functional.gelu(linear(groups.centers[0], "pos_embed.0")), "pos_embed.2")
    x = torch.cat([(w["cls_token"] + w["cls_pos"])[0], x])
    for i in range(config.depth):
        b = f"visual.blocks.{i}"
        bias = torch.cat([w[f"{b}.attn.q_bias"], torch.zeros(config.width), w[f"{b}.attn.v_bias"]])
        qkv = layer_norm(x, f"{b}.norm1") @ w[f"{b}.attn.qkv.weight"].T + bias
        heads = config.width // config.n_heads
        q, k, v = (t.view(len(x), -1, heads).transpose(0, 1) for t in qkv.chunk(3, dim=1))
        mixed = (q @ k.transpose(1, 2) * heads**-0.5).softmax(-1) @ v
        x = x + linear(mixed.transpose(0, 1).flatten(1), f"{b}.attn.proj")
        hidden = functional.gelu(linear(layer_norm(x, f"{b}.norm2"), f"{b}.mlp.fc1"))
        x = x + linear(hidden, f"{b}.mlp.fc2")
    return linear(layer_norm(x[0], "visual.fc_norm"), "trans2embed")


def test_the_network_is_the_one_specified():
    torch.manual_seed(0)
    model, (cloud,) = Uni3D(SMALL).eval(), _clouds(70)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                low = 0.5 if key.endswith("running_var") else -0.1
                value.copy_(torch.rand_like(value) * 0.4 + low)
        wanted = _by_hand(model.state_dict(), cloud, SMALL)
        torch.testing.assert_close(model(*_tensors(cloud))[0], wanted, rtol=1e-4, atol=1e-4)


def test_objects_together_are_what_they_are_alone():
    model, clouds = random_uni3d(1), _clouds(40, 10, 200, 33, 77)
    together = encode_clouds(model, clouds, batch_size=3, precision=Precision.FLOAT32)
    for cloud, feature in zip(clouds, together, strict=True):
        with torch.no_grad():
            alone = model(*_tensors(cloud))[0]
        torch.testing.assert_close(feature, alone, rtol=1e-5, atol=1e-5)


def test_no_objects_are_no_features():
    none = encode_clouds(random_uni3d(1), [], batch_size=3, precision=Precision.FLOAT32)
    assert none.shape == (0, TINY.dim)


def test_turning_an_object_changes_its_feature_and_shifting_does_not():
    (cloud,), model = _clouds(60), random_uni3d(0)
    quarter = cloud.turned(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    plain, turned = encode_clouds(
        model, [cloud, quarter], batch_size=2, precision=Precision.FLOAT32
    )
    assert (plain - turned).abs().max() > 0.01


def test_batches_hold_like_sizes_and_no_more_than_fit():
    clouds = _clouds(16, 400, 20, 300, 32)
    assert list(cloud_batches(clouds, 2)) == [[1, 3], [4, 2], [0]]
    assert sorted(i for batch in cloud_batches(clouds, 100) for i in batch) == [0, 1, 2, 3, 4]


def test_precision_holds_within_its_block_alone():
    before = torch.get_float32_matmul_precision()
    with arithmetic(Precision.BFLOAT16, torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        assert torch.get_float32_matmul_precision() == "high"
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert torch.get_float32_matmul_precision() == before


def test_random_weights_follow_from_the_seed_and_leave_the_generator_alone():
    state = torch.random.get_rng_state()
    one, same, other = (random_uni3d(seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["trans2embed.weight"], other["trans2embed.weight"])


def _published(model, prefix="module.point_encoder.") -> dict:
    """A file as published: weights of images and of the loss lie beside those of points."""
    weights = {f"{prefix}{key}": value for key, value in model.state_dict().items()}
    extra = {
        f"{prefix}visual.pos_embed": torch.zeros(1, 1601, TINY.width),
        f"{prefix}visual.cls_token": torch.zeros(1, 1, TINY.width),
        f"{prefix}visual.patch_embed.proj.weight": torch.zeros(TINY.width, 3, 14, 14),
        f"{prefix}visual.head.bias": torch.zeros(1000),
        "module.logit_scale": torch.zeros(()),
    }
    return {"module": {**weights, **extra}, "epoch": 3}


@pytest.mark.parametrize("prefix", ["module.point_encoder.", "point_encoder.", ""])
def test_a_published_file_loads_by_name_and_shape(tmp_path, prefix):
    path, model, clouds = tmp_path / "model.pt", random_uni3d(5), _clouds(50)
    torch.save(_published(model, prefix), path)
    loaded = load_uni3d(path, TINY)
    features = [
        encode_clouds(m, clouds, batch_size=1, precision=Precision.FLOAT32) for m in (model, loaded)
    ]
    assert torch.equal(*features)
    assert not any(buffer.is_meta for buffer in loaded.buffers())


def test_a_file_of_another_model_is_refused(tmp_path):
    path, values = tmp_path / "model.pt", _published(random_uni3d(5))
    values["module"]["module.point_encoder.trans2embed.weight"] = torch.zeros(2, 2)
    del values["module"]["module.point_encoder.encoder2trans.bias"]
    values["module"]["module.point_encoder.extra"] = torch.zeros(1)
    torch.save(values, path)
    with pytest.raises(CheckpointMismatchError) as failure:
        load_uni3d(path, TINY)
    message = str(failure.value)
    assert all(
        part in message
        for part in ("missing encoder2trans.bias", "unexpected extra", "trans2embed.weight: file")
    )


def test_a_file_without_weights_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "model.pt")
    with pytest.raises(DataError, match="under 'module'"):
        load_uni3d(tmp_path / "model.pt", TINY)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives():
    clouds = _clouds(40, 10, 200, 3000, 77)
    on_cpu, on_gpu, alone = (
        encode_clouds(
            random_uni3d(1).to(device), clouds, batch_size=size, precision=Precision.FLOAT32
        )
        for device, size in (("cpu", 5), ("cuda", 5), ("cuda", 1))
    )
    torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(on_gpu, alone, rtol=1e-4, atol=1e-4)
