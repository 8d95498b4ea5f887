"""The engine: vLLM's asynchronous engine, fed with as many prompts as are in flight.

vLLM batches whatever is in flight and keeps the rubric, with which all prompts begin, in its prefix
cache. Nothing of vLLM is imported before the run starts.
"""

from __future__ import annotations

import importlib.metadata
import itertools
from typing import TYPE_CHECKING, Any

from posealign_core.errors import JudgeError
from posealign_core.judge.engine import Ask, Judge, RefusedError, Reply, Usage
from posealign_core.judge.sampling import LETTERS
from posealign_core.judge.verdict import JudgeIdentity
from posealign_judge_vllm.channels import split_channels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["VllmJudge"]

_N_LOGPROBS = 5


class VllmJudge(Judge):
    """A model on this machine's GPUs.

    Args:
        model: Folder, or name on the Hub.
        revision: Commit on the Hub; without one the newest is taken, and the record says so.
        max_model_len: Prompt and reply together, tokens; a shorter limit cuts reasoning off.
        gpu_memory_utilization: Share of each GPU's memory.
        tensor_parallel_size: GPUs that share the model.
        dtype: vLLM's word for the number format.
        max_num_seqs: Most prompts in one batch.
        logprobs: Whether to keep the probabilities of the letters.
        engine_args: Further arguments of vLLM's engine.
    """

    def __init__(
        self,
        *,
        model: str,
        revision: str | None = None,
        max_model_len: int = 8192,
        gpu_memory_utilization: float = 0.9,
        tensor_parallel_size: int = 1,
        dtype: str = "auto",
        max_num_seqs: int = 1024,
        logprobs: bool = False,
        engine_args: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._revision = revision
        self._logprobs = logprobs
        self._max_model_len = max_model_len
        self._engine_args = {
            "model": model,
            "revision": revision,
            "max_model_len": max_model_len,
            "gpu_memory_utilization": gpu_memory_utilization,
            "tensor_parallel_size": tensor_parallel_size,
            "dtype": dtype,
            "max_num_seqs": max_num_seqs,
            "enable_prefix_caching": True,
            **({} if engine_args is None else engine_args),
        }
        self._ids = itertools.count()
        self._engine: Any = None

    async def open(self) -> JudgeIdentity:
        """Load the model.

        Raises:
            JudgeError: It cannot be loaded.
        """
        from transformers import AutoTokenizer
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                self._model, revision=self._revision
            )
            self._engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**self._engine_args))
        except (OSError, ValueError, RuntimeError) as error:
            raise JudgeError(f"judge vllm: cannot load {self._model!r}: {error}") from error
        return JudgeIdentity(
            engine="vllm",
            model=self._model,
            resolved=f"{self._model}@{self._revision or 'unpinned'}",
            packages={
                name: importlib.metadata.version(name) for name in ("torch", "transformers", "vllm")
            },
        )

    async def ask(self, ask: Ask) -> Reply:
        """Generate one reply.

        Raises:
            RefusedError: The prompt leaves no room for a reply.
            JudgeError: The engine died.
        """
        from vllm.v1.engine.exceptions import EngineDeadError

        prompt_ids = self._prompt_ids(ask)
        room = self._max_model_len - len(prompt_ids)
        if room < 1:
            raise RefusedError(
                f"the prompt has {len(prompt_ids)} tokens, the model takes {self._max_model_len}; "
                "raise max_model_len"
            )
        try:
            output = await self._generate(prompt_ids, ask, room)
        except EngineDeadError as error:
            raise JudgeError(f"judge vllm: the engine died: {error}") from error
        return self._reply(output)

    def _prompt_ids(self, ask: Ask) -> list[int]:
        """Token ids through the model's own chat template, ready for the model's turn."""
        effort = ask.sampling.reasoning_effort
        more = {} if effort is None else {"reasoning_effort": effort}
        encoded = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": ask.prompt.text}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            **more,
        )
        return list(encoded["input_ids"])

    async def _generate(self, prompt_ids: Sequence[int], ask: Ask, room: int) -> Any:
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        sampling = ask.sampling
        params = SamplingParams(
            temperature=1.0 if sampling.temperature is None else sampling.temperature,
            top_p=1.0 if sampling.top_p is None else sampling.top_p,
            seed=sampling.seed_of(ask.index),
            max_tokens=min(sampling.max_tokens, room),
            logprobs=_N_LOGPROBS if self._logprobs else None,
            skip_special_tokens=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        final = None
        prompt = {"prompt_token_ids": list(prompt_ids)}
        async for output in self._engine.generate(prompt, params, f"judge-{next(self._ids)}"):
            final = output
        if final is None:
            raise JudgeError("judge vllm: the engine ended a request without a reply")
        return final

    def _reply(self, output: Any) -> Reply:
        generated = output.outputs[0]
        final, analysis = split_channels(generated.text)
        return Reply(
            text=final,
            analysis=analysis,
            finish_reason=generated.finish_reason or "",
            label_logprobs=_label_logprobs(generated.logprobs),
            usage=Usage(
                tokens_in=len(output.prompt_token_ids),
                tokens_cached=output.num_cached_tokens or 0,
                tokens_out=len(generated.token_ids),
            ),
        )

    async def close(self) -> None:
        """Give the GPU memory back."""
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _label_logprobs(
    logprobs: Sequence[Mapping[int, Any]] | None,
) -> dict[str, float] | None:
    """Log-probabilities of the letters at the last place where the likeliest token is one."""
    for place in reversed(logprobs or ()):
        found: dict[str, float] = {}
        for token in sorted(place.values(), key=lambda token: -token.logprob):
            found.setdefault((token.decoded_token or "").strip(), token.logprob)
        if next(iter(found), "") in LETTERS:
            return {letter: found[letter] for letter in LETTERS if letter in found}
    return None
