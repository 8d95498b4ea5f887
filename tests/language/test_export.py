from __future__ import annotations

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from posealign_core.language.export import save_language_model


def test_what_is_written_answers_alike_without_adapters_and_without_what_was_added(tmp_path):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=30, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2,
    )  # fmt: skip
    lm = LlamaForCausalLM(config).eval()
    lm.model.eyes = nn.Linear(3, 16)
    plain = {key: value.clone() for key, value in lm.state_dict().items()}
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["q_proj", "down_proj"]), lm)
    for name, parameter in lm.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    lm.eval()
    save_language_model(lm, tmp_path / "lm")
    ids = torch.arange(10)[None]
    with torch.no_grad():
        expected = lm(input_ids=ids).logits
        read = AutoModelForCausalLM.from_pretrained(tmp_path / "lm").eval()
        torch.testing.assert_close(read(input_ids=ids).logits, expected, rtol=1e-5, atol=1e-5)
        alone = LlamaForCausalLM(config).eval()
        alone.load_state_dict({k: v for k, v in plain.items() if "eyes" not in k})
        assert (alone(input_ids=ids).logits - expected).abs().max() > 0.01
    assert not any("eyes" in key for key in read.state_dict())
    kept = {k.replace(".base_layer", ""): v for k, v in lm.state_dict().items() if "lora" not in k}
    assert all(torch.equal(kept[key], value) for key, value in plain.items())
