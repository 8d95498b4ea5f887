from __future__ import annotations

import email.utils
import time

import pytest
from openai.types.chat import ChatCompletion

from posealign_core.judge.engine import UnreachableError
from posealign_judge_openai.replies import reply_of, retry_after_s


def completion(**message):
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "A", **message},
        "logprobs": {
            "content": [
                {
                    "token": " A",
                    "logprob": -0.1,
                    "top_logprobs": [
                        {"token": " A", "logprob": -0.1},
                        {"token": "B", "logprob": -2.5},
                        {"token": "A", "logprob": -9.0},
                    ],
                }
            ]
        },
    }
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    return ChatCompletion.model_validate(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )


def test_everything_is_read():
    reply = reply_of(completion(reasoning_content="hm"))
    assert (reply.text, reply.analysis, reply.finish_reason) == ("A", "hm", "stop")
    assert reply.label_logprobs == {"A": -0.1, "B": -2.5}
    usage = reply.usage
    assert (usage.tokens_in, usage.tokens_cached) == (7, 5)
    assert (usage.tokens_out, usage.tokens_reasoning) == (3, 2)


def test_empty_content_is_an_empty_reply():
    assert reply_of(completion(content=None)).text == ""


@pytest.mark.parametrize("other", ["a text", None, {"choices": []}])
def test_what_is_no_completion(other):
    with pytest.raises(UnreachableError, match="no choices"):
        reply_of(other)


def test_waits_in_both_forms():
    assert retry_after_s("1.5") == 1.5
    assert retry_after_s("-3") == 0.0
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert 25 < retry_after_s(date) <= 30
    assert retry_after_s("soon") is None
    assert retry_after_s(None) is None
