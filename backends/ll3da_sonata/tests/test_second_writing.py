"""The encoder against a second writing: one sample at a time, with loops, dictionaries and volumes.

In float64 with random weights, over batches of several sizes and shuffled curves, which the golden
outputs do not cover.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from encoders import TOY, toy_cells, toy_points
from torch.nn import functional

from posealign_ll3da_sonata.ptv3 import EncoderOptions, PointTransformer

SIZES = dataclasses.replace(TOY, depths=(4, 2, 1, 1, 1), patch_sizes=(48, 16, 8, 8, 8))
SAMPLES = [toy_cells(150, 97, 11, 9, 7), toy_cells(40, 31, 4, 4, 4), toy_cells(49, 13, 9, 5, 3)]


def place(cell, curve, depth):
    """Bit by bit, on Python integers."""
    x = [cell[1], cell[0], cell[2]] if curve.endswith("-trans") else [*cell]
    if curve.startswith("hilbert"):
        for q in range(depth - 1, 0, -1):
            for a in range(3):
                if x[a] >> q & 1:
                    x[0] ^= 2**q - 1
                else:
                    t = (x[0] ^ x[a]) & (2**q - 1)
                    x[0], x[a] = x[0] ^ t, (x[a] ^ t if a else x[0] ^ t)
    bits = [x[a] >> q & 1 for q in reversed(range(depth)) for a in range(3)]
    if curve.startswith("hilbert"):
        bits = [sum(bits[: i + 1]) % 2 for i in range(len(bits))]
    return int("".join(map(str, bits)), 2)


def norm(x, state, key):
    return functional.layer_norm(x, x.shape[-1:], state[f"{key}.weight"], state[f"{key}.bias"])


def linear(x, state, key):
    return x @ state[f"{key}.weight"].T + state[f"{key}.bias"]


def convolve(x, cells, state, key):
    volume = x.new_zeros(x.shape[1], *(cells.amax(0) + 1))
    i, j, k = cells.unbind(1)
    volume[:, i, j, k] = x.T
    weight = state[f"{key}.weight"].permute(0, 4, 1, 2, 3)
    out = functional.conv3d(volume[None], weight, state[f"{key}.bias"], padding=1)[0]
    return out[:, i, j, k].T


def attend(x, order, size, n_heads, state, key):
    q, k, v = linear(x, state, f"{key}.qkv").view(len(x), 3, n_heads, -1).unbind(1)
    out, n = torch.empty_like(q), len(order)
    for start in range(0, n, size):
        first = start if start + size <= n else max(n - size, 0)
        for row in order[start : start + size]:
            seen = order[first : first + size]
            logits = torch.einsum("hd,nhd->hn", q[row], k[seen]) * q.shape[-1] ** -0.5
            out[row] = torch.einsum("hn,nhd->hd", logits.softmax(1), v[seen])
    return linear(out.flatten(1), state, f"{key}.proj")


def blocks(x, cells, s, depth, permutation, state):
    for i in range(SIZES.depths[s]):
        curve = SIZES.curves[permutation[i % 4]]
        order = sorted(range(len(x)), key=lambda row: place(cells[row].tolist(), curve, depth))
        key = f"enc.enc{s}.block{i}"
        position = linear(convolve(x, cells, state, f"{key}.cpe.0"), state, f"{key}.cpe.1")
        x = x + norm(position, state, f"{key}.cpe.2")
        heads, size = SIZES.n_heads[s], SIZES.patch_sizes[s]
        normed = norm(x, state, f"{key}.norm1.0")
        x = x + attend(normed, order, size, heads, state, f"{key}.attn")
        hidden = linear(norm(x, state, f"{key}.norm2.0"), state, f"{key}.mlp.0.fc1")
        x = x + linear(functional.gelu(hidden), state, f"{key}.mlp.0.fc2")
    return x


def pool(x, cells, s, state):
    members = {}
    for row, cell in enumerate(cells.tolist()):
        members.setdefault(tuple(c // 2 for c in cell), []).append(row)
    x = linear(x, state, f"enc.enc{s}.down.proj")
    coarse = sorted(members)
    largest = torch.stack([x[members[cell]].amax(0) for cell in coarse])
    return functional.gelu(norm(largest, state, f"enc.enc{s}.down.norm.0")), torch.tensor(coarse)


def encode(features, cells, depths, permutations, state):
    """Features of one sample at every resolution; `depths` is given since a batch shares it."""
    stem = linear(features, state, "embedding.stem.linear")
    x = functional.gelu(norm(stem, state, "embedding.stem.norm"))
    outputs = []
    for s in range(5):
        if s:
            x, cells = pool(x, cells, s, state)
        depth = depths[s] if depths else (int(cells.max()) + 1).bit_length()
        x = blocks(x, cells, s, depth, permutations[s], state)
        outputs.append(x)
    return outputs


@pytest.mark.parametrize("depth_per_sample", [False, True])
@torch.no_grad()
def test_every_stage(depth_per_sample):
    torch.manual_seed(0)
    options = EncoderOptions(depth_per_sample=depth_per_sample)
    encoder = PointTransformer(SIZES, options).double().eval()
    for parameter in encoder.parameters():
        parameter.normal_(std=max(parameter.numel() / len(parameter), 4) ** -0.5)
    permutations = [torch.randperm(4).tolist() for _ in range(5)]
    points = toy_points(*SAMPLES)
    points = points.with_features(torch.randn(len(points.features), 9, dtype=torch.float64))
    stages = encoder(points, permutations=permutations)
    depths = None if depth_per_sample else [stage.curves.depth for stage in stages]
    assert depths in (None, [4, 3, 2, 2, 1])
    for i, features in enumerate(points.features.split(points.counts)):
        wanted = encode(features, SAMPLES[i], depths, permutations, encoder.state_dict())
        for stage, own in zip(stages, wanted, strict=True):
            found = stage.points.features.split(stage.points.counts)[i]
            torch.testing.assert_close(found, own, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("dtype", "tolerance"), [(None, 1e-4), ("float16", 5e-3)])
@torch.no_grad()
def test_the_gpu_gives_what_the_cpu_gives(dtype, tolerance):
    """With spconv and flash-attn where they are installed."""
    torch.manual_seed(0)
    encoder = PointTransformer(SIZES, EncoderOptions(attention_dtype=dtype)).eval()
    points = toy_points(*SAMPLES)
    wanted = encoder(points)
    moved = dataclasses.replace(
        points,
        features=points.features.cuda(),
        coords=points.coords.cuda(),
        cells=points.cells.cuda(),
    )
    for own, stage in zip(wanted, encoder.cuda()(moved), strict=True):
        found, features = stage.points.features.cpu(), own.points.features
        assert (found - features).norm() <= tolerance * features.norm()
