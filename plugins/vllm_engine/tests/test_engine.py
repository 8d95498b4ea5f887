"""The engine against a stand-in for vLLM of the same interface, in a process as vLLM's would be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch

from posealign_core.errors import BackboneError
from posealign_core.host import build_host
from posealign_core.registry import resolve
from posealign_core.structures import GenerationOptions
from posealign_vllm_engine import plugin

if TYPE_CHECKING:
    from pathlib import Path

# Greedy decoding by transformers, one prompt at a time, behind the calls that the worker makes.
STAND_IN = """
import torch
from types import SimpleNamespace
from transformers import AutoModelForCausalLM


class SamplingParams(SimpleNamespace):
    pass


class LLM:
    def __init__(self, model, skip_tokenizer_init, enable_prompt_embeds, fault="", **arguments):
        if fault:
            raise ValueError(fault)
        self.lm = AutoModelForCausalLM.from_pretrained(model).eval()

    def generate(self, prompts, params, use_tqdm):
        if params.max_tokens == 13:
            raise RuntimeError("out of luck")
        if params.max_tokens == 14:
            raise SystemExit(3)
        return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=self.one(p, params))])
                for p in prompts]

    def one(self, prompt, params):
        out = self.lm.generate(
            inputs_embeds=prompt["prompt_embeds"][None], do_sample=False,
            max_new_tokens=params.max_tokens, eos_token_id=params.stop_token_ids[0],
        )
        return out[0].tolist()
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter that finds the stand-in under the name of vLLM."""
    (tmp_path / "vllm.py").write_text(STAND_IN)
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    from posealign_core.language.export import save_language_model

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, initializer_range=0.5, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    save_language_model(LlamaForCausalLM(config), tmp_path / "weights")
    return tmp_path / "weights"


def engine_of(**parameters):
    host = build_host(plugins=[plugin], entry_points=False, strict=True)
    return resolve(host.engines["vllm"])(**parameters)


def test_answers_and_faults(python: str, weights: Path):
    from transformers import AutoModelForCausalLM

    engine = engine_of(python=python)
    engine.open(weights)
    try:
        prompts = [torch.randn(n, 16) for n in (5, 9)]
        ids = engine.generate(prompts, GenerationOptions(max_new_tokens=6), 2)
        lm = AutoModelForCausalLM.from_pretrained(weights).eval()
        for prompt, answer in zip(prompts, ids, strict=True):
            alone = lm.generate(inputs_embeds=prompt[None], do_sample=False, max_new_tokens=6)
            assert answer == alone[0].tolist()
        with pytest.raises(BackboneError, match="out of luck"):
            engine.generate(prompts, GenerationOptions(max_new_tokens=13), 2)
        with pytest.raises(BackboneError, match="wanted greedy decoding"):
            engine.generate(prompts, GenerationOptions(num_beams=5), 2)
        with pytest.raises(BackboneError, match="ended with code 3"):
            engine.generate(prompts, GenerationOptions(max_new_tokens=14), 2)
    finally:
        engine.close()
    with pytest.raises(BackboneError, match="not open"):
        engine.generate(prompts, GenerationOptions(), 2)


def test_a_model_that_cannot_be_loaded(python: str, weights: Path):
    engine = engine_of(python=python, engine_args={"fault": "no such GPU"})
    with pytest.raises(BackboneError, match="ValueError: no such GPU"):
        engine.open(weights)
    engine.close()


def test_an_interpreter_without_vllm(weights: Path):
    engine = engine_of()
    with pytest.raises(BackboneError, match="No module named 'vllm'"):
        engine.open(weights)
    engine.close()
