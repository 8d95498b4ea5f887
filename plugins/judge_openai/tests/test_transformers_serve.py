"""The engine against `transformers serve` with a tiny model that is made here."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from posealign_core.judge.request import JudgeRequest
from posealign_core.judge.rubric import load_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.sampling import LabelOrder, Sampling
from posealign_core.judge.settings import JudgeSettings, Limits
from posealign_judge_openai.engine import OpenAIJudge

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("fastapi", "uvicorn"))),
    reason="'transformers serve' needs fastapi and uvicorn",
)
SERVE = (
    "import sys; from transformers.cli.transformers import main; sys.argv = sys.argv[1:]; main()"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A Llama whose likeliest token is always the first of its vocabulary, the letter A."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    letters = ["A", *sorted(set(pre_tokenizers.ByteLevel.alphabet()) - {"A"}), "</s>"]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    bpe = Tokenizer(models.BPE(vocabulary, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="</s>",
        chat_template="{% for m in messages %}{{ m['content'] }}{% endfor %}",
    )
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8192,
        eos_token_id=len(letters) - 1,
    )
    llama = LlamaForCausalLM(config)
    with torch.no_grad():
        llama.lm_head.weight.zero_()
    llama.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def url(model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "transformers", "serve", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}/v1"
            wait_for(f"{address}/models", server)
            yield address
        finally:
            server.kill()


def wait_for(address, server):
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except urllib.error.URLError:
            assert server.poll() is None
            time.sleep(0.5)
        else:
            return
    pytest.fail("the server did not start within two minutes")


def test_a_real_model_judges(tmp_path, model, url):
    requests = [
        JudgeRequest(
            benchmark="scanqa",
            split="val",
            key=f"q{number}",
            scene_id="s",
            question=f"What is left of shelf {number}?",
            references=("a lamp",),
            prediction="a lamp",
        )
        for number in range(6)
    ]
    files = []
    for in_flight in (1, 8):
        settings = JudgeSettings(
            sampling=Sampling(temperature=0.0, max_tokens=1), limits=Limits(in_flight=in_flight)
        )
        judge = OpenAIJudge(model=str(model), base_url=url, structured=False)
        out = tmp_path / f"{in_flight}.jsonl"
        outcome = judge_requests(requests, judge, load_rubric("scanqa"), settings, out)
        assert outcome.complete
        files.append(out.read_bytes())
    assert files[0] == files[1]
    for verdict in outcome.verdicts:
        assert verdict.raw_text == "A"
        expected = "correct" if verdict.label_order is LabelOrder.AB else "incorrect"
        assert verdict.status.value == expected
        assert verdict.tokens_in > 500
        assert verdict.tokens_out == 1
