"""Names, shapes and types of the published checkpoint (specification section 3.10)."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig

from posealign_chat_scene.checkpoints.layout import own_key, published_key, published_tensors
from posealign_chat_scene.model.config import NetworkConfig
from posealign_chat_scene.model.network import ChatSceneNetwork
from posealign_core.language.llm_config import LlmConfig

LLM = "llama_model.base_model.model"
LINEARS = {
    "self_attn.q_proj": (4096, 4096),
    "self_attn.k_proj": (4096, 4096),
    "self_attn.v_proj": (4096, 4096),
    "self_attn.o_proj": (4096, 4096),
    "mlp.gate_proj": (11008, 4096),
    "mlp.up_proj": (11008, 4096),
    "mlp.down_proj": (4096, 11008),
}


def published_tree():
    tree = {
        f"{LLM}.model.embed_tokens.weight": (32100, 4096),
        f"{LLM}.lm_head.weight": (32100, 4096),
        "pos_embedding.gauss_B": (3, 64),
        "pos_proj.0.weight": (4096, 128),
        "pos_proj.0.bias": (4096,),
    }
    for head in ("object_proj", "object_img_proj"):
        tree |= {f"{head}.0.weight": (4096, 1024), f"{head}.2.weight": (4096, 4096)}
        tree |= {f"{head}.0.bias": (4096,), f"{head}.2.bias": (4096,)}
    for layer in range(32):
        for name, (n_out, n_in) in LINEARS.items():
            key = f"{LLM}.model.layers.{layer}.{name}"
            tree[f"{key}.lora_A.default.weight"] = (16, n_in)
            tree[f"{key}.lora_B.default.weight"] = (n_out, 16)
    return tree


@pytest.fixture(scope="module")
def network():
    from peft import LoraConfig, inject_adapter_in_model

    llm = LlmConfig()
    with torch.device("meta"):
        made = ChatSceneNetwork(
            LlamaConfig(
                vocab_size=32100,
                hidden_size=llm.width,
                intermediate_size=llm.mlp_width,
                num_hidden_layers=llm.n_layers,
                num_attention_heads=llm.n_heads,
                tie_word_embeddings=False,
            ),
            NetworkConfig(),
            torch.bfloat16,
            initialise=False,
        )
        targets = [name.split(".")[1] for name in LINEARS]
        return inject_adapter_in_model(LoraConfig(r=16, target_modules=targets), made)


def test_the_461_tensors(network):
    found = {published_key(k): t for k, t in published_tensors(network).items()}
    assert {key: tuple(t.shape) for key, t in found.items()} == published_tree()
    assert len(found) == 461
    assert sum(t.numel() for t in found.values()) == 345_428_160
    assert len(network.state_dict()) == 750


def test_precisions(network):
    for key, tensor in network.state_dict().items():
        if ".lora_" in key:
            continue
        whole = key in published_tensors(network)
        assert tensor.dtype == (torch.float32 if whole else torch.bfloat16), key


def test_trained_parameters(network):
    trained = [
        p
        for name, p in network.named_parameters()
        if ".lora_" in name or not name.startswith("llama_model.model.layers")
    ]
    norm = network.llama_model.model.norm.weight.numel()
    assert sum(p.numel() for p in trained) - norm == 345_427_968


def test_names_go_there_and_back():
    for key in published_tree():
        assert published_key(own_key(key)) == key
