"""The process that holds vLLM; run by path with any interpreter that has vLLM, and nothing of ours.

    python worker.py FILE_DESCRIPTOR WEIGHTS ENGINE_ARGUMENTS_AS_JSON

It says `"ready"` to the pipe of that descriptor, and answers requests one after the other until it
is told None: a file of prompt embeddings becomes lists of token ids. Whatever goes wrong comes back
as the text of an error.
"""

from __future__ import annotations

import json
import sys
from multiprocessing.connection import Connection
from typing import Any


def main() -> None:
    """Load, then serve."""
    descriptor, weights, arguments = sys.argv[1:]
    with Connection(int(descriptor)) as connection:
        try:
            llm = load(weights, json.loads(arguments))
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")
            return
        connection.send("ready")
        while (request := connection.recv()) is not None:
            try:
                connection.send(answer(llm, **request))
            except Exception as error:
                connection.send(f"{type(error).__name__}: {error}")


def load(weights: str, arguments: dict[str, Any]) -> Any:
    """Build vLLM's engine; ids come and go, so it needs no tokenizer."""
    from vllm import LLM

    return LLM(model=weights, skip_tokenizer_init=True, enable_prompt_embeds=True, **arguments)


def answer(llm: Any, path: str, max_tokens: int, eos_token_id: int) -> list[list[int]]:
    """Decode greedily.

    Args:
        llm: vLLM's engine.
        path: Safetensors file of prompts "0", "1", ...
        max_tokens: Most new tokens.
        eos_token_id: Ends an answer.
    """
    from safetensors.torch import load_file
    from vllm import SamplingParams

    tensors = load_file(path)
    prompts = [{"prompt_embeds": tensors[str(i)]} for i in range(len(tensors))]
    params = SamplingParams(
        temperature=0.0, max_tokens=max_tokens, stop_token_ids=[eos_token_id], detokenize=False
    )
    outputs = llm.generate(prompts, params, use_tqdm=False)
    return [list(output.outputs[0].token_ids) for output in outputs]


if __name__ == "__main__":
    main()
