"""The attention layers against torch's own multi-head attention and an explicit loop."""

from __future__ import annotations

import pytest
import torch

from posealign_3d_llava.model.attention import (
    AttentionLayer,
    DistanceBiasedAttentionLayer,
    MultiHeadAttention,
    distances,
    key_bias,
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_equals_torch_multi_head_attention():
    ours, theirs = MultiHeadAttention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    rows, context = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    bias = torch.randn(2, 4, 3, 5)
    expected, _ = theirs(rows, context, context, attn_mask=bias.flatten(0, 1))
    torch.testing.assert_close(ours(rows, context, bias), expected)


def test_distance_bias_spelled_out():
    layer = DistanceBiasedAttentionLayer(6, 2)
    torch.nn.init.normal_(layer.gen_tau.weight)
    rows, xyz = torch.randn(1, 4, 6), torch.randn(1, 4, 3)
    weight, bias = layer.attn.in_proj_weight, layer.attn.in_proj_bias
    q, k, v = (rows[0] @ weight.T + bias).split(6, dim=1)
    heads = []
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        logits = q[:, part] @ k[:, part].T / 3**0.5
        for a in range(4):
            tau = layer.gen_tau(rows[0, a])[head]
            for b in range(4):
                distance = (xyz[0, a] - xyz[0, b]).norm()
                logits[a, b] = logits[a, b] - distance * tau * layer.scale_factor[head]
        heads.append(logits.softmax(-1) @ v[:, part])
    expected = layer.norm(rows[0] + layer.attn.out_proj(torch.cat(heads, dim=1)))
    out = layer(rows, rows, torch.zeros(1, 1, 1, 4), distances(xyz, xyz))
    torch.testing.assert_close(out[0], expected)


def test_hidden_context_has_no_influence():
    layer = AttentionLayer(8, 2)
    rows, context = torch.randn(1, 2, 8), torch.randn(1, 5, 8)
    bias = key_bias(torch.tensor([[True, True, False, True, False]]), torch.float32)
    changed = context.clone()
    changed[0, [2, 4]] = 100.0
    torch.testing.assert_close(layer(rows, context, bias), layer(rows, changed, bias))
    torch.testing.assert_close(
        layer(rows, context, bias),
        layer(rows, context[:, [0, 1, 3]], torch.zeros(1, 1, 1, 3)),
    )


def test_initial_bias_falls_off_with_distance():
    """Fresh layers start at scale 10 and rates in [0, 2] that do not depend on the row."""
    layer = DistanceBiasedAttentionLayer(8, 4)
    assert layer.scale_factor.tolist() == [10.0] * 4
    assert not layer.gen_tau.weight.any()
    assert ((layer.gen_tau.bias >= 0) & (layer.gen_tau.bias <= 2)).all()
