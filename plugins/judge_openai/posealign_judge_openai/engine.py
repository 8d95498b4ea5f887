"""The engine: one chat completion per prompt, through the `openai` package's async client."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import openai

from posealign_core.errors import ConfigError, JudgeError
from posealign_core.judge.engine import Ask, Judge, RefusedError, UnreachableError
from posealign_core.judge.parse import SCHEMA
from posealign_core.judge.verdict import JudgeIdentity
from posealign_judge_openai.replies import reply_of, retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_core.judge.engine import Reply

__all__ = ["OpenAIJudge"]

_HOPELESS = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
_PASSING = (408, 409, 429)
_RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
}
_DATED = re.compile(r"\d{4}-?\d{2}-?\d{2}$")
_PROBE = 'Reply with JSON only: {"verdict": "A"}.'


class OpenAIJudge(Judge):
    """A model behind a server. The key is read from the environment, when the run starts.

    Args:
        model: The model's name at the server.
        base_url: Address up to and with `/v1`; None is the OpenAI API.
        api_key_env: Environment variable that holds the key; servers without keys need none.
        structured: Whether to make the server reply in a schema; None tries once whether it can.
        logprobs: Whether to ask for the probabilities of the letters; not every model gives them.
        max_tokens_field: What the server calls the limit; the API's reasoning models want
            `"max_completion_tokens"`.
        extra_body: Further fields of the request, as the server documents them.
        allow_alias: Whether the OpenAI API may be asked by a name without a date, which means
            another model from time to time; verdicts then say that it was an alias.

    Raises:
        ConfigError: `structured` is something else, or the name is an alias.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        structured: bool | None = None,
        logprobs: bool = False,
        max_tokens_field: str = "max_tokens",
        extra_body: Mapping[str, Any] | None = None,
        allow_alias: bool = False,
    ) -> None:
        if structured not in {None, True, False}:
            fault = f"structured: wanted true, false or null, found {structured!r}"
            raise ConfigError([fault], source="judge openai")
        self._alias = base_url is None and _DATED.search(model) is None
        if self._alias and not allow_alias:
            fault = (
                f"model: {model!r} is an alias, which means another model from time to time; name "
                "a dated one, or set allow_alias"
            )
            raise ConfigError([fault], source="judge openai")
        self._model = model
        self._base_url = base_url
        self._api_key_env = api_key_env
        self._structured = structured
        self._logprobs = logprobs
        self._max_tokens_field = max_tokens_field
        self._extra_body = None if extra_body is None else dict(extra_body)

    async def open(self) -> JudgeIdentity:
        """Connect, see which model answers, and whether it takes a schema.

        Raises:
            JudgeError: There is no key, no such model, or no server.
        """
        key = os.environ.get(self._api_key_env)
        if key is None and self._base_url is None:
            raise JudgeError(
                f"judge openai: wanted a key in the environment variable {self._api_key_env}, "
                "found none; set it, or give base_url for a server of your own"
            )
        # The runner tries again, waits and gives up; the client must not do so underneath.
        self._client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=self._base_url, max_retries=0, timeout=None
        )
        self._patient = self._client.with_options(max_retries=5, timeout=60.0)
        resolved = await self._resolved() + (" (alias)" if self._alias else "")
        structured = self._structured
        if structured is None:
            structured = await self._takes_schema()
        return JudgeIdentity(
            engine="openai", model=self._model, resolved=resolved, structured=structured
        )

    async def _resolved(self) -> str:
        """The server's own name of the model; vLLM tells the path or revision behind an alias."""
        try:
            models = [model async for model in self._patient.models.list()]
        except openai.NotFoundError:
            return self._model
        except openai.OpenAIError as error:
            raise JudgeError(self._where(error)) from error
        known = {model.id: model for model in models}
        if self._model not in known:
            raise JudgeError(
                f"judge openai: the server at {self._client.base_url} has no model "
                f"{self._model!r}; it has {', '.join(sorted(known)) or 'none'}"
            )
        return str((known[self._model].model_extra or {}).get("root") or self._model)

    async def _takes_schema(self) -> bool:
        try:
            await self._patient.chat.completions.create(
                **self._fields(_PROBE, max_tokens=16, structured=True)
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            return False
        except openai.OpenAIError as error:
            raise JudgeError(self._where(error)) from error
        return True

    def _fields(self, text: str, *, max_tokens: int, structured: bool) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": text}],
            self._max_tokens_field: max_tokens,
            "extra_body": self._extra_body,
        }
        if structured:
            fields["response_format"] = _RESPONSE_FORMAT
        return fields

    async def ask(self, ask: Ask) -> Reply:
        """One chat completion."""
        sampling = ask.sampling
        optional = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed_of(ask.index),
            "reasoning_effort": sampling.reasoning_effort,
            "logprobs": True if self._logprobs else None,
            "top_logprobs": 5 if self._logprobs else None,
        }
        fields = self._fields(
            ask.prompt.text, max_tokens=sampling.max_tokens, structured=ask.prompt.structured
        )
        fields |= {name: value for name, value in optional.items() if value is not None}
        try:
            completion = await self._client.chat.completions.create(**fields)
        except openai.OpenAIError as error:
            raise self._judged(error) from error
        except ValueError as error:
            raise UnreachableError(f"the reply is no JSON ({error})") from error
        return reply_of(completion)

    def _judged(self, error: openai.OpenAIError) -> JudgeError:
        """Whether another try may help."""
        if isinstance(error, _HOPELESS):
            return JudgeError(self._where(error))
        if not isinstance(error, openai.APIStatusError):
            return UnreachableError(f"{type(error).__name__}: {error}")
        status = error.status_code
        if status < 500 and status not in _PASSING:
            return RefusedError(f"status {status}: {error.message}")
        wait = retry_after_s(error.response.headers.get("retry-after"))
        return UnreachableError(f"status {status}", retry_after_s=wait)

    def _where(self, error: openai.OpenAIError) -> str:
        return f"judge openai: the server at {self._client.base_url} said: {error}"

    async def close(self) -> None:
        """Close the connections."""
        client: openai.AsyncOpenAI | None = getattr(self, "_client", None)
        if client is not None:
            await client.close()
