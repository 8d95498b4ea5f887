"""Toy networks, clouds and texts for the tests of the model."""

from __future__ import annotations

import torch
from transformers import OPTConfig, OPTForCausalLM

from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.cloud import CloudBatch
from posealign_ll3da.model.config import CaptionerConfig, DetectorConfig, ModelFidelity
from posealign_ll3da.model.network import Ll3daNetwork
from posealign_ll3da.model.tokens import TokenBatch

EOS = 2


def detector_config(fidelity: Fidelity = Fidelity.CORRECT, **changes) -> DetectorConfig:
    sizes = {
        "n_points": 48,
        "n_tokens": 24,
        "n_queries": 10,
        "first_mlp": (8, 12),
        "width": 16,
        "ball_sizes": (8, 6, 4),
        "radii_m": (0.6, 0.9, 0.8),
        "n_heads": 2,
        "encoder_ffn": 8,
        "decoder_ffn": 12,
        "n_decoder_layers": 2,
        "n_classes": 3,
    }
    return DetectorConfig(**{**sizes, **changes}, fidelity=ModelFidelity.uniform(fidelity))


def captioner_config(fidelity: Fidelity = Fidelity.CORRECT, **changes) -> CaptionerConfig:
    sizes = {
        "token_width": 16,
        "n_latents": 4,
        "tokens_per_prompt": 2,
        "width": 24,
        "n_layers": 3,
        "n_heads": 2,
        "ffn_width": 20,
        "vocab_size": 40,
        "max_positions": 12,
    }
    return CaptionerConfig(**{**sizes, **changes}, fidelity=ModelFidelity.uniform(fidelity))


def llm(seed: int = 0, spread: float = 0.3) -> OPTForCausalLM:
    torch.manual_seed(seed)
    config = OPTConfig(
        vocab_size=30,
        hidden_size=16,
        word_embed_proj_dim=16,
        ffn_dim=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        init_std=spread,
    )
    return OPTForCausalLM(config)


def network(
    fidelity: Fidelity = Fidelity.CORRECT, *, seed: int = 0, detector=None, captioner=None
) -> Ll3daNetwork:
    """A network in evaluation mode whose batch norms have statistics of their own."""
    torch.manual_seed(seed)
    net = Ll3daNetwork(
        detector or detector_config(fidelity), captioner or captioner_config(fidelity), llm(seed)
    )
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


def clouds(seed: int = 0, batch: int = 2, n_points: int = 200, n_features: int = 7) -> CloudBatch:
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor([3.0, 2.0, 1.5])
    return CloudBatch(
        xyz=torch.rand(batch, n_points, 3, generator=generator) * size,
        features=torch.randn(batch, n_points, n_features, generator=generator),
    )


def item(cloud: CloudBatch, row: int) -> CloudBatch:
    return CloudBatch(xyz=cloud.xyz[row : row + 1], features=cloud.features[row : row + 1])


def tokens(*lengths: int, vocab: int = 30, seed: int = 0) -> TokenBatch:
    """Random sequences of the given lengths; padding holds a word, which must not matter."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, vocab, (len(lengths), max(lengths)), generator=generator)
    return TokenBatch(ids=ids, mask=torch.arange(max(lengths)) < torch.tensor(lengths)[:, None])
