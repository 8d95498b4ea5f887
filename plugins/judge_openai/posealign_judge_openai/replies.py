"""What a chat completion says, in the harness's terms."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING, Any

from posealign_core.judge.engine import Reply, UnreachableError, Usage
from posealign_core.judge.sampling import LETTERS

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion
    from openai.types.chat.chat_completion import Choice

__all__ = ["reply_of", "retry_after_s"]


def reply_of(completion: ChatCompletion) -> Reply:
    """Read a completion.

    Raises:
        UnreachableError: It is no completion: some proxies send errors as successes.
    """
    choices: list[Any] = getattr(completion, "choices", None) or []
    message = getattr(choices[0], "message", None) if choices else None
    if message is None:
        raise UnreachableError("the reply is no chat completion: it has no choices")
    extra: dict[str, Any] = message.model_extra or {}
    return Reply(
        text=message.content or "",
        analysis=str(extra.get("reasoning_content") or extra.get("reasoning") or ""),
        finish_reason=choices[0].finish_reason or "",
        label_logprobs=_label_logprobs(choices[0]),
        usage=_usage(completion),
    )


def _usage(completion: ChatCompletion) -> Usage:
    usage = completion.usage
    if usage is None:
        return Usage()
    prompt, generated = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        tokens_in=usage.prompt_tokens or 0,
        tokens_cached=(prompt.cached_tokens or 0) if prompt else 0,
        tokens_out=usage.completion_tokens or 0,
        tokens_reasoning=(generated.reasoning_tokens or 0) if generated else 0,
    )


def _label_logprobs(choice: Choice) -> dict[str, float] | None:
    """Log-probabilities of the letters at the last token that is one of them."""
    tokens = (choice.logprobs.content if choice.logprobs else None) or []
    for token in reversed(tokens):
        if token.token.strip() in LETTERS:
            found: dict[str, float] = {}
            for other in token.top_logprobs:
                if other.token.strip() in LETTERS:
                    found.setdefault(other.token.strip(), other.logprob)
            return found
    return None


def retry_after_s(header: str | None) -> float | None:
    """The wait that a `Retry-After` header asks for, seconds; None without a readable one."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
