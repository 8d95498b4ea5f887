"""Verdicts per second of the vLLM judge with 1,000 in flight against one at a time, in one process.

    python benchmarks/judge_vllm.py [--size 7b|tiny] [--in-flight 1000] [--requests 4000]

It makes a model from a configuration, with random weights and a tokenizer of its own, in a
temporary folder: nothing is downloaded, and the verdicts mean nothing. The prompts are the ScanQA
rubric with invented items, padded with invented notes to about 1,360 tokens, all but the item
shared. Replies have `--reply-tokens` tokens, a short reason and the grade; a model that thinks for
longer gains more from company. Needs a GPU and vLLM. Exits with 1 below 50 times.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from posealign_core.judge.engine import Ask
from posealign_core.judge.request import JudgeRequest
from posealign_core.judge.rubric import Rubric, load_rubric
from posealign_core.judge.sampling import LabelOrder, Sampling
from posealign_judge_vllm.engine import VllmJudge

WANTED = 50.0
PROMPT_TOKENS = 1360
TEMPLATE = (
    "{% for message in messages %}<|user|>{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SIZES: dict[str, dict[str, int]] = {
    "tiny": {
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
    },
    "7b": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
}


def make_tokenizer(folder: Path, texts: list[str]) -> Any:
    """A byte-level BPE tokenizer trained on the prompts themselves."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["</s>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="</s>",
        additional_special_tokens=special[1:],
        chat_template=TEMPLATE,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_model(folder: Path, size: str, n_vocab: int) -> None:
    """Random weights in the shape of a Llama."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=n_vocab, max_position_embeddings=4096, eos_token_id=0, **SIZES[size]
    )
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)


def make_request(number: int) -> JudgeRequest:
    """An invented item."""
    return JudgeRequest(
        benchmark="scanqa",
        split="val",
        key=f"q{number}",
        scene_id=f"scene{number // 60}",
        question=f"What is to the left of shelf number {number}?",
        references=("a lamp", "the floor lamp"),
        prediction="a tall lamp",
    )


def padded(rubric: Rubric, tokenizer: Any) -> Rubric:
    """The rubric with invented examples before it, until its prompts have the wanted length."""
    text, number = rubric.text, 0
    while True:
        longer = dataclasses.replace(rubric, text=text)
        prompt = longer.render(make_request(0), LabelOrder.AB).text
        if len(tokenizer(prompt)["input_ids"]) >= PROMPT_TOKENS:
            return longer
        number += 1
        text = f"Note {number}: an answer about shelf {number} may call it a rack.\n{text}"


async def verdicts_per_second(
    judge: VllmJudge, rubric: Rubric, numbers: range, in_flight: int, reply_tokens: int
) -> tuple[float, float]:
    """Rate, and the share of prompt tokens that came out of the prefix cache."""
    sampling = Sampling(temperature=0.0, max_tokens=reply_tokens)
    left = iter(numbers)
    n_tokens = n_cached = 0

    async def work() -> None:
        nonlocal n_tokens, n_cached
        for number in left:
            request = make_request(number)
            prompt = rubric.render(request, LabelOrder.AB)
            reply = await judge.ask(Ask(request=request, prompt=prompt, sampling=sampling, index=0))
            n_tokens += reply.usage.tokens_in
            n_cached += reply.usage.tokens_cached

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    seconds = time.perf_counter() - start
    return len(numbers) / seconds, n_cached / n_tokens


async def measure(folder: Path, rubric: Rubric, args: argparse.Namespace) -> int:
    """Load once, warm up, measure one at a time and many at once."""
    judge = VllmJudge(
        model=str(folder),
        max_model_len=2048,
        max_num_seqs=args.in_flight,
        engine_args={"max_num_batched_tokens": 16384, "enforce_eager": args.eager},
    )
    start = time.perf_counter()
    identity = await judge.open()
    print(f"{identity.packages}, loaded in {time.perf_counter() - start:.1f} s")
    n_alone, n = args.alone, args.requests
    try:
        length = args.reply_tokens
        await verdicts_per_second(judge, rubric, range(64), 64, length)
        first = 64
        numbers = range(first, first + n_alone)
        alone, _ = await verdicts_per_second(judge, rubric, numbers, 1, length)
        first += n_alone
        numbers = range(first, first + n)
        together, cached = await verdicts_per_second(judge, rubric, numbers, args.in_flight, length)
    finally:
        await judge.close()
    print(f"{'in flight':>10}{'requests':>10}{'verdicts/s':>12}")
    print(f"{1:>10}{n_alone:>10}{alone:>12.1f}")
    print(f"{args.in_flight:>10}{n:>10}{together:>12.1f}   x {together / alone:.1f}")
    print(f"prompt tokens out of the prefix cache: {100 * cached:.1f} %")
    return int(together < WANTED * alone)


def main() -> int:
    """Make a model and measure it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=sorted(SIZES), default="7b", help="of the model (7b)")
    parser.add_argument("--in-flight", type=int, default=1000, help="requests at once (1000)")
    parser.add_argument("--requests", type=int, default=4000, help="of the many-at-once run (4000)")
    parser.add_argument("--alone", type=int, default=100, help="of the one-at-a-time run (100)")
    parser.add_argument("--reply-tokens", type=int, default=32, help="of a reply (32)")
    parser.add_argument("--eager", action="store_true", help="without CUDA graphs: faster start")
    parser.add_argument("--dry-run", action="store_true", help="make model and prompts, then stop")
    args = parser.parse_args()
    rubric = load_rubric("scanqa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [rubric.render(make_request(n), LabelOrder.AB).text for n in range(200)]
        tokenizer = make_tokenizer(folder, texts)
        rubric = padded(rubric, tokenizer)
        # In a process of its own, whose GPU memory is free again when it ends.
        maker = multiprocessing.get_context("spawn").Process(
            target=make_model, args=(folder, args.size, len(tokenizer))
        )
        maker.start()
        maker.join()
        if maker.exitcode != 0:
            raise RuntimeError("the model could not be made")
        prompt = rubric.render(make_request(0), LabelOrder.AB).text
        print(f"prompts of {len(tokenizer(prompt)['input_ids'])} tokens, model {args.size}")
        return 0 if args.dry_run else asyncio.run(measure(folder, rubric, args))


if __name__ == "__main__":
    sys.exit(main())
