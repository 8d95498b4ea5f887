"""Attention by torch and through flash-attn's interface, against a masked dense writing."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from posealign_core.errors import ConfigError, MissingDependencyError
from posealign_ll3da_sonata.ptv3 import EncoderConfig, EncoderOptions, attention
from posealign_ll3da_sonata.ptv3.attention import SerializedAttention
from posealign_ll3da_sonata.ptv3.windows import make_windows

COUNTS, SIZE, WIDTH, HEADS = (11, 3, 8), 4, 12, 3


def layer(qk_scale=None, **options):
    torch.manual_seed(0)
    config = EncoderConfig(
        depths=(1,),
        channels=(WIDTH,),
        n_heads=(HEADS,),
        patch_sizes=(SIZE,),
        strides=(),
        qk_scale=qk_scale,
    )
    return SerializedAttention(config, 0, EncoderOptions(**options)).double().eval()


def inputs():
    torch.manual_seed(1)
    n = sum(COUNTS)
    rows = torch.arange(n).split(COUNTS)
    order = torch.cat([part[torch.randperm(len(part))] for part in rows])
    return torch.randn(n, WIDTH, dtype=torch.float64), order, order.argsort()


def dense(module, x, order, scale=(WIDTH // HEADS) ** -0.5):
    """A softmax over all rows, with minus infinity where a window does not reach."""
    reach = torch.full((len(x), len(x)), -torch.inf, dtype=x.dtype)
    offset = 0
    for n in COUNTS:
        for place in range(n):
            start = place // SIZE * SIZE
            start, end = (start, start + SIZE) if start + SIZE <= n else (max(n - SIZE, 0), n)
            reach[order[offset + place], order[offset + start : offset + end]] = 0
        offset += n
    q, k, v = module.qkv(x).chunk(3, dim=1)
    d = WIDTH // HEADS
    heads = []
    for h in range(HEADS):
        part = slice(h * d, (h + 1) * d)
        weights = (q[:, part] @ k[:, part].T * scale + reach).softmax(dim=1)
        heads.append(weights @ v[:, part])
    return module.proj(torch.cat(heads, dim=1))


def fake_flash(monkeypatch):
    """Stand in for the package's packed kernel: one softmax per sequence."""

    def attend(qkv, ends, longest, dropout_p, softmax_scale):
        assert ends.dtype is torch.int32
        assert longest == ends.diff().max()
        assert dropout_p == 0.0
        out = []
        for part in qkv.float().split(ends.diff().tolist()):
            q, k, v = part.permute(1, 2, 0, 3)
            out.append((((q * softmax_scale) @ k.mT).softmax(-1) @ v).transpose(0, 1))
        return torch.cat(out).to(qkv.dtype)

    module = ModuleType("flash_attn")
    module.flash_attn_varlen_qkvpacked_func = attend
    monkeypatch.setitem(sys.modules, "flash_attn", module)


@pytest.fixture(autouse=True)
def _look_again():
    attention._flash_attn.cache_clear()
    yield
    attention._flash_attn.cache_clear()


def test_windows_against_a_masked_dense_softmax():
    module = layer()
    x, order, position = inputs()
    out = module(x, order, position, make_windows(COUNTS, SIZE, x.device))
    torch.testing.assert_close(out, dense(module, x, order), rtol=1e-12, atol=1e-12)


def test_another_scale(monkeypatch):
    module = layer(qk_scale=0.3)
    x, order, position = inputs()
    windows = make_windows(COUNTS, SIZE, x.device)
    wanted = dense(module, x, order, scale=0.3)
    torch.testing.assert_close(module(x, order, position, windows), wanted)
    fake_flash(monkeypatch)
    flash = layer(0.3, attention="flash", attention_dtype="float16")(x, order, position, windows)
    torch.testing.assert_close(flash, wanted, rtol=0, atol=2e-3)


def test_gradients_against_a_masked_dense_softmax():
    module = layer()
    x, order, position = inputs()
    x.requires_grad_()
    seed = torch.randn_like(x)
    windows = make_windows(COUNTS, SIZE, x.device)
    (found,) = torch.autograd.grad((module(x, order, position, windows) * seed).sum(), x)
    (wanted,) = torch.autograd.grad((dense(module, x, order) * seed).sum(), x)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_flash_gives_what_torch_gives(monkeypatch, dtype):
    fake_flash(monkeypatch)
    x, order, position = inputs()
    windows = make_windows(COUNTS, SIZE, x.device)
    flash = layer(attention="flash", attention_dtype=dtype)(x, order, position, windows)
    torch_ = layer(attention="sdpa", attention_dtype=dtype)(x, order, position, windows)
    exact = layer()(x, order, position, windows)
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}[dtype]
    assert flash.dtype is torch.float64
    torch.testing.assert_close(flash, torch_, rtol=0, atol=tolerance)
    torch.testing.assert_close(flash, exact, rtol=0, atol=tolerance)
    assert not torch.equal(flash, exact)


def test_auto_keeps_to_torch_on_the_cpu(monkeypatch):
    fake_flash(monkeypatch)
    x, order, position = inputs()
    windows = make_windows(COUNTS, SIZE, x.device)
    auto = layer(attention_dtype="float16")(x, order, position, windows)
    sdpa = layer(attention="sdpa", attention_dtype="float16")(x, order, position, windows)
    assert torch.equal(auto, sdpa)


def test_flash_wants_half_precision(monkeypatch):
    fake_flash(monkeypatch)
    x, order, position = inputs()
    with pytest.raises(ConfigError, match=r"wanted attention_dtype float16 .* torch.float64"):
        layer(attention="flash")(x, order, position, make_windows(COUNTS, SIZE, x.device))


def test_flash_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    x, order, position = inputs()
    module = layer(attention="flash", attention_dtype="float16")
    with pytest.raises(MissingDependencyError, match="pip install"):
        module(x, order, position, make_windows(COUNTS, SIZE, x.device))


@pytest.mark.parametrize(
    ("asked", "computed"), [(None, torch.bfloat16), ("float32", torch.float32)]
)
def test_the_precision_asked_for_holds_inside_autocast(monkeypatch, asked, computed):
    seen = []

    def spy(query, *args, **kwargs):
        with torch.autocast("cpu", enabled=False):
            seen.append((query @ query.mT).dtype)
        return kernel(query, *args, **kwargs)

    kernel = attention.scaled_dot_product_attention
    monkeypatch.setattr(attention, "scaled_dot_product_attention", spy)
    x, order, position = inputs()
    module = layer(attention_dtype=asked).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        module(x.float(), order, position, make_windows(COUNTS, SIZE, x.device))
    assert set(seen) == {computed}
