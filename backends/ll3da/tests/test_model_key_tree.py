"""The published state dict, entry by entry (specification sections 2.6, 3.6 and 8)."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from transformers import OPTConfig, OPTForCausalLM

from posealign_ll3da.model.config import CaptionerConfig, DetectorConfig
from posealign_ll3da.model.detection_loss import DetectionCriterion
from posealign_ll3da.model.keys import OPTIONAL_KEYS, without_llm
from posealign_ll3da.model.network import Ll3daNetwork


@pytest.fixture(scope="module")
def net() -> Ll3daNetwork:
    with torch.device("meta"):
        opt = OPTConfig(
            hidden_size=2048,
            word_embed_proj_dim=2048,
            ffn_dim=8192,
            num_hidden_layers=24,
            num_attention_heads=32,
        )
        return Ll3daNetwork(DetectorConfig(), CaptionerConfig(), OPTForCausalLM(opt))


def norm(prefix, width, *, batch=False):
    tree = {f"{prefix}.weight": (width,), f"{prefix}.bias": (width,)}
    if batch:
        tree |= {f"{prefix}.running_mean": (width,), f"{prefix}.running_var": (width,)}
        tree[f"{prefix}.num_batches_tracked"] = ()
    return tree


def linear(prefix, n_out, *n_in, bias=True):
    tree = {f"{prefix}.weight": (n_out, *n_in)}
    return tree | ({f"{prefix}.bias": (n_out,)} if bias else {})


def abstraction(prefix, widths):
    tree = {}
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        layer = f"{prefix}.mlp_module.layer{i}"
        tree |= linear(f"{layer}.conv", n_out, n_in, 1, 1, bias=False)
        tree |= norm(f"{layer}.bn.bn", n_out, batch=True)
    return tree


def attention(prefix):
    tree = {f"{prefix}.in_proj_weight": (768, 256), f"{prefix}.in_proj_bias": (768,)}
    return tree | linear(f"{prefix}.out_proj", 256, 256)


def detector_tree():
    tree = abstraction("tokenizer", (10, 64, 128, 256))
    for i in range(3):
        layer = f"encoder.layers.{i}"
        tree |= attention(f"{layer}.self_attn")
        tree |= linear(f"{layer}.linear1", 128, 256) | linear(f"{layer}.linear2", 256, 128)
        tree |= norm(f"{layer}.norm1", 256) | norm(f"{layer}.norm2", 256)
    tree |= abstraction("encoder.interim_downsampling", (259, 256, 256, 256))
    for i in (0, 3):
        layers = "encoder_to_decoder_projection.layers"
        tree |= linear(f"{layers}.{i}", 256, 256, 1, bias=False)
        tree |= norm(f"{layers}.{i + 1}", 256, batch=True)
    tree["pos_embedding.gauss_B"] = (3, 128)
    vote = "vote_query_generator.FFN_vote"
    for i in (0, 3):
        tree |= linear(f"{vote}.{i}", 256, 256, 1) | norm(f"{vote}.{i + 1}", 256, batch=True)
    tree |= linear(f"{vote}.6", 259, 256, 1)
    tree |= abstraction("vote_query_generator.set_abstraction", (259, 256, 256, 256))
    for i in (0, 2):
        tree |= linear(f"query_projection.layers.{i}", 256, 256, 1)
    for i in range(8):
        layer = f"decoder.layers.{i}"
        tree |= attention(f"{layer}.self_attn") | attention(f"{layer}.multihead_attn")
        for k in (1, 2, 3):
            tree |= norm(f"{layer}.norm{k}", 256)
        tree |= linear(f"{layer}.linear1", 256, 256) | linear(f"{layer}.linear2", 256, 256)
    tree |= norm("decoder.norm", 256)
    heads = {"sem_cls": 19, "center": 3, "size": 3, "angle_cls": 1, "angle_residual": 1}
    for name, n_out in heads.items():
        layers = f"mlp_heads.{name}_head.layers"
        for i in (0, 4):
            tree |= linear(f"{layers}.{i}", 256, 256, 1, bias=False)
            tree |= norm(f"{layers}.{i + 1}", 256, batch=True)
        tree |= linear(f"{layers}.8", n_out, 256, 1)
    tree["criterion.set_prediction_loss.semcls_percls_weights"] = (19,)
    return {f"detector.{key}": shape for key, shape in tree.items()}


def captioner_tree():
    tree = {
        "qformer.embeddings.word_embeddings.weight": (30522, 768),
        "qformer.embeddings.position_embeddings.weight": (512, 768),
        "prompt_encoder.pos_emb3d.gauss_B": (3, 128),
        "latent_query.weight": (32, 768),
    }
    tree |= norm("qformer.embeddings.layernorm", 768)
    for i in range(6):
        layer = f"qformer.encoder.layer.{i}"
        blocks = {"attention": 768} | ({"crossattention": 256} if i % 2 == 0 else {})
        for block, n_in in blocks.items():
            tree |= linear(f"{layer}.{block}.attention.query", 768, 768)
            tree |= linear(f"{layer}.{block}.attention.key", 768, n_in)
            tree |= linear(f"{layer}.{block}.attention.value", 768, n_in)
            tree |= linear(f"{layer}.{block}.output.dense", 768, 768)
            tree |= norm(f"{layer}.{block}.output.LayerNorm", 768)
        for query in ("", "_query"):
            tree |= linear(f"{layer}.intermediate{query}.dense", 3072, 768)
            tree |= linear(f"{layer}.output{query}.dense", 768, 3072)
            tree |= norm(f"{layer}.output{query}.LayerNorm", 768)
    for i in (0, 2):
        tree |= linear(f"encoder_to_qformer_projection.{i}", 256, 256)
    for kind in ("box", "click"):
        projector = f"prompt_encoder.{kind}_prompt_projector"
        tree |= linear(f"{projector}.0", 768, 256) | linear(f"{projector}.2", 6144, 768)
    tree |= linear("qformer_to_language_projection", 2048, 768)
    return {f"captioner.{key}": shape for key, shape in tree.items()}


def test_saved_entries_are_the_published_ones(net):
    saved = {key: tuple(value.shape) for key, value in without_llm(net.state_dict()).items()}
    assert saved == detector_tree() | captioner_tree()
    assert len(saved) == 522
    assert saved.keys() >= OPTIONAL_KEYS


def test_sizes_are_the_published_ones(net):
    saved = without_llm(net.state_dict())
    assert sum(v.numel() * v.element_size() for v in saved.values()) == 475_453_820
    detector = [key for key in saved if key.startswith("detector.")]
    assert len(detector) == 340
    assert sum(p.numel() for p in net.detector.parameters()) == 7_837_086
    trained = [p for key, p in net.captioner.named_parameters() if "transformer." not in key]
    assert len(trained) == 181
    assert sum(p.numel() for p in trained) == 111_014_400
    assert sum(p.numel() for p in net.captioner.qformer.parameters()) == 99_439_104
    assert sum(p.numel() for p in net.captioner.transformer.parameters()) == 1_315_758_080
    assert len(net.state_dict()) - len(saved) == 389
    assert all(v.dtype in {torch.float32, torch.int64} for v in saved.values())


def test_background_counts_a_quarter():
    values = DetectionCriterion(18).set_prediction_loss.semcls_percls_weights
    assert values.tolist() == [1.0] * 18 + [0.25]


def test_options_add_keys_and_leave_the_published_ones(net):
    with torch.device("meta"):
        config = CaptionerConfig(n_ego_features=6, token_position=True)
        wide = Ll3daNetwork(DetectorConfig(), config, net.captioner.transformer)
    added = wide.state_dict().keys() - net.state_dict().keys()
    shapes = {key: tuple(wide.state_dict()[key].shape) for key in added}
    assert shapes == {
        "captioner.pose_embed.0.weight": (256, 6),
        "captioner.pose_embed.0.bias": (256,),
        "captioner.pose_embed.2.weight": (256, 256),
        "captioner.pose_embed.2.bias": (256,),
        "captioner.token_position.code.gauss_B": (3, 128),
        "captioner.token_position.linear.weight": (256, 768),
        "captioner.token_position.linear.bias": (256,),
    }
