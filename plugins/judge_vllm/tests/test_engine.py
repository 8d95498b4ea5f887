"""What of the engine needs no vLLM; the real one is measured by benchmarks/judge_vllm.py."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest

from posealign_core.errors import MissingDependencyError
from posealign_core.host import build_host
from posealign_core.registry import resolve
from posealign_judge_vllm import plugin
from posealign_judge_vllm.engine import VllmJudge, _label_logprobs


def token(text, logprob):
    return SimpleNamespace(decoded_token=text, logprob=logprob)


def test_reply_is_read_from_the_output():
    generated = SimpleNamespace(
        text="<|channel|>final<|message|>B<|return|>",
        finish_reason="stop",
        token_ids=[1, 2, 3],
        logprobs=None,
    )
    output = SimpleNamespace(outputs=[generated], prompt_token_ids=[0] * 7, num_cached_tokens=4)
    reply = VllmJudge(model="m")._reply(output)
    assert (reply.text, reply.finish_reason) == ("B", "stop")
    assert (reply.usage.tokens_in, reply.usage.tokens_cached, reply.usage.tokens_out) == (7, 4, 3)


def test_probabilities_come_from_the_place_of_the_verdict():
    places = [
        {1: token("A", -3.0), 2: token("well", -0.1)},
        {1: token(" A", -0.2), 2: token("B", -1.7), 3: token("A", -8.0)},
        {9: token("<|return|>", 0.0)},
    ]
    assert _label_logprobs(places) == {"A": -0.2, "B": -1.7}
    assert _label_logprobs(places[:1]) is None
    assert _label_logprobs(None) is None


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_without_vllm_it_is_listed_and_says_how_to_get_it():
    host = build_host(plugins=[plugin], entry_points=False)
    with pytest.raises(MissingDependencyError, match=r"posealign\[judge\]"):
        resolve(host.judges["vllm"])
