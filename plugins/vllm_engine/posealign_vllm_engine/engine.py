"""The engine: vLLM in a process of its own, which may use another environment than ours.

vLLM pins versions of its libraries that need not be ours. Its process therefore runs by path with
the interpreter that the configuration names, and takes embeddings from a file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors.torch import save_file

from posealign_core.errors import BackboneError
from posealign_core.language.engine import GenerationEngine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

    from torch import Tensor

    from posealign_core.structures import GenerationOptions

__all__ = ["VllmEngine"]

WORKER = Path(__file__).with_name("worker.py")
_POLL_SECONDS = 0.5
_END_SECONDS = 30.0


class VllmEngine(GenerationEngine):
    """Greedy answers by vLLM.

    Args:
        python: Interpreter that has vLLM; ours where not set.
        gpu_memory_utilization: Share of the GPU's memory; the backbone keeps its own weights there.
        max_model_len: Prompt and answer together, tokens; as many as the model reads where None.
        max_num_seqs: Most prompts in one batch.
        dtype: vLLM's word for the number format; the weights' own where "auto".
        engine_args: Further arguments of vLLM's engine.
    """

    def __init__(
        self,
        *,
        python: str | None = None,
        gpu_memory_utilization: float = 0.6,
        max_model_len: int | None = None,
        max_num_seqs: int = 256,
        dtype: str = "auto",
        engine_args: Mapping[str, Any] | None = None,
    ) -> None:
        self._python = python or sys.executable
        self._arguments = {
            "gpu_memory_utilization": gpu_memory_utilization,
            "max_num_seqs": max_num_seqs,
            "dtype": dtype,
            **({} if max_model_len is None else {"max_model_len": max_model_len}),
            **(engine_args or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def open(self, weights: Path) -> None:
        """Start the process and wait until vLLM has loaded; see the base class."""
        self._folder = tempfile.TemporaryDirectory(prefix="posealign-vllm-")
        self._connection, theirs = Pipe()
        with theirs:
            descriptor = theirs.fileno()
            arguments = [str(descriptor), str(weights), json.dumps(self._arguments)]
            self._process = subprocess.Popen(  # noqa: S603 - the user names the interpreter
                [self._python, str(WORKER), *arguments], pass_fds=[descriptor]
            )
        answer = self._receive()
        if answer != "ready":
            raise BackboneError(
                f"engine vllm: cannot load the model with {self._python}: {answer}; "
                "pip install 'posealign[vllm]', or name an interpreter that has vLLM with "
                "evaluate.engine.python"
            )

    def generate(
        self, prompts: Sequence[Tensor], options: GenerationOptions, eos_token_id: int
    ) -> list[list[int]]:
        """Decode greedily; see the base class."""
        _require_greedy(options)
        if self._connection is None or self._folder is None:
            raise BackboneError("engine vllm: it is not open")
        path = Path(self._folder.name) / "prompts.safetensors"
        save_file({str(i): p.contiguous().cpu() for i, p in enumerate(prompts)}, path)
        self._connection.send(
            {"path": str(path), "max_tokens": options.max_new_tokens, "eos_token_id": eos_token_id}
        )
        answer = self._receive()
        if isinstance(answer, str):
            raise BackboneError(f"engine vllm: {answer}")
        return cast("list[list[int]]", answer)

    def close(self) -> None:
        """End the process."""
        if self._connection is not None and self._process is not None:
            with suppress(BrokenPipeError):
                self._connection.send(None)
            self._connection.close()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._connection = self._folder = None

    def _receive(self) -> Any:
        """What the process says next, unless it ends before it says anything."""
        if self._connection is None or self._process is None:
            raise BackboneError("engine vllm: it is not open")
        try:
            while not self._connection.poll(_POLL_SECONDS):
                if self._process.poll() is not None:
                    raise EOFError
            return self._connection.recv()
        except EOFError as error:
            raise BackboneError(
                f"engine vllm: the process of {self._python} ended with code "
                f"{self._process.wait()}; see its output above"
            ) from error


def _require_greedy(options: GenerationOptions) -> None:
    """Refuse what vLLM decodes otherwise than `transformers`, or not at all."""
    if (
        options.num_beams != 1
        or options.no_repeat_ngram_size != 0
        or options.repetition_penalty != 1.0
    ):
        raise BackboneError(
            f"engine vllm: wanted greedy decoding (num_beams 1, no_repeat_ngram_size 0, "
            f"repetition_penalty 1.0), found {options}; leave evaluate.engine out, or change "
            "backbone.config.decoding"
        )
