"""Answered questions per second of 3D-LLaVA: one at a time against batched, in one run.

    python benchmarks/llava_answers.py [--size 7b|tiny] [--batch-size 256] [--mode none|transform]
    python benchmarks/llava_answers.py --engine vllm [--python ENVIRONMENT/bin/python]

Both go through the project's evaluator, from the scan on disk to the line in the file of
predictions, with the point encoder, which starts without any scene in its cache. The network has
random weights, so that no answer ends early: each has `--new-tokens` tokens (64, as published),
where real answers are shorter. Greedy decoding, then beams as published for questions (5); or, with
`--engine vllm`, greedy decoding by vLLM, which loads the same weights, and how many of its answers
are word for word those of transformers (to be looked at with `--size tiny`, which is float32).
Exits with 1 below 40 times for greedy decoding, and below 100 times with vLLM at 7B size.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from llava_workload import Workload, device_name

from posealign_3d_llava.scene_cache import SceneCache
from posealign_core.evaluation.evaluator import Evaluator
from posealign_core.evaluation.records import read_records
from posealign_core.language.engine import opened
from posealign_core.structures import GenerationOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_core.backbone import SampleEncoder
    from posealign_core.structures import Query

WANTED, WANTED_OF_VLLM = 40.0, 100.0


class Asker:
    """Asks questions and takes the time.

    Args:
        work: Rooms and questions.
        encoder: The backbone's.
        backbone: Who answers.

    Attributes:
        answers: The last run's, by question.
    """

    def __init__(self, work: Workload, encoder: SampleEncoder, backbone: LlavaBackbone) -> None:
        self._work, self._encoder, self._backbone = work, encoder, backbone
        self._n_runs = 0
        self.answers: dict[str, str] = {}

    def per_second(
        self, queries: Sequence[Query], batch_size: int, options: GenerationOptions
    ) -> float:
        """Answer all questions once, after a batch that warms up."""
        self._run(queries[:batch_size], batch_size, options)
        return len(queries) / self._run(queries, batch_size, options)

    def _run(self, queries: Sequence[Query], batch_size: int, options: GenerationOptions) -> float:
        self._backbone._scenes = SceneCache()
        self._n_runs += 1
        path = self._work.folder / f"answers-{self._n_runs}.jsonl"
        path.unlink(missing_ok=True)
        evaluator, pipeline = Evaluator(batch_size=batch_size), self._work.pipeline(queries)
        start = time.perf_counter()
        evaluator.predict(self._backbone, self._encoder, pipeline, queries, options, path)
        seconds = time.perf_counter() - start
        self.answers = {record["key"]: record["text"] for record in read_records(path)}
        return seconds


class Row(NamedTuple):
    """One line of the table."""

    name: str
    batch_size: int
    n_questions: int
    num_beams: int


class Table:
    """Prints a line per row, with its ratio to the first row of the same decoding."""

    def __init__(self, asker: Asker, queries: Sequence[Query], new_tokens: int) -> None:
        self._asker, self._queries, self._new_tokens = asker, queries, new_tokens
        self._first: dict[int, float] = {}
        print(f"{'':<28}{'batch':>6}{'questions':>11}{'per second':>12}{'ratio':>8}")

    def row(self, row: Row) -> float:
        """Measure and print a row; returns its ratio."""
        options = GenerationOptions(max_new_tokens=self._new_tokens, num_beams=row.num_beams)
        queries = self._queries[: row.n_questions]
        rate = self._asker.per_second(queries, row.batch_size, options)
        ratio = rate / self._first.setdefault(row.num_beams, rate)
        print(
            f"{row.name:<28}{row.batch_size:>6}{row.n_questions:>11}{rate:>12.2f}{ratio:>8.1f}",
            flush=True,
        )
        return ratio


def through_vllm(table: Table, asker: Asker, backbone: LlavaBackbone, args: Any) -> float:
    """The row of vLLM, and how far its answers are those of the row before."""
    from posealign_vllm_engine.engine import VllmEngine

    before = asker.answers
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    engine = VllmEngine(
        python=args.python, max_num_seqs=args.batch_size, engine_args=json.loads(args.engine_args)
    )
    start = time.perf_counter()
    with opened(engine, backbone.lm):
        print(f"vLLM loaded in {time.perf_counter() - start:.0f} s", flush=True)
        backbone.engine = engine
        ratio = table.row(Row("greedy, vLLM", args.questions, args.questions, 1))
        backbone.engine = None
    n_equal = sum(asker.answers[key] == text for key, text in before.items())
    print(f"answers of vLLM equal to those of transformers: {n_equal} of {len(before)}")
    return ratio


def main() -> int:
    """Make rooms and a model, and ask."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=["7b", "tiny"], default="7b", help="(7b)")
    parser.add_argument("--scenes", type=int, default=8, help="rooms (8)")
    parser.add_argument("--batch-size", type=int, default=256, help="greedy (256)")
    parser.add_argument("--beam-batch-size", type=int, default=48, help="with five beams (48)")
    parser.add_argument("--questions", type=int, default=512, help="greedy, batched (512)")
    parser.add_argument("--alone", type=int, default=10, help="one at a time (10)")
    parser.add_argument("--new-tokens", type=int, default=64, help="tokens of an answer (64)")
    parser.add_argument("--jobs", type=int, default=8, help="processes that make rooms (8)")
    parser.add_argument("--mode", choices=["none", "transform"], default="none")
    parser.add_argument("--engine", choices=["transformers", "vllm"], default="transformers")
    parser.add_argument("--python", help="interpreter that has vLLM (this one)")
    parser.add_argument("--engine-args", default="{}", help="for vLLM, as JSON")
    parser.add_argument("--data", type=Path, help="folder to keep the rooms in, or to find them")
    args = parser.parse_args()
    mode = None if args.mode == "none" else args.mode
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data or Path(temporary)
        work = Workload(folder, args.size, n_train=1, n_val=args.scenes, jobs=args.jobs, mode=mode)
        queries = work.queries(("scanqa", "sqa3d"), "val", args.questions)
        encoder, backbone = work.model()
        asker = Asker(work, encoder, backbone)
        with torch.inference_mode():
            table = Table(asker, queries, args.new_tokens)
            table.row(Row("greedy, one at a time", 1, args.alone, 1))
            ratio = table.row(Row("greedy, batched", args.batch_size, args.questions, 1))
            wanted = WANTED
            if args.engine == "vllm":
                ratio = through_vllm(table, asker, backbone, args)
                wanted = WANTED_OF_VLLM
            else:
                alone, size = max(1, args.alone // 2), args.beam_batch_size
                table.row(Row("five beams, one at a time", 1, alone, 5))
                table.row(Row("five beams, batched", size, 2 * size, 5))
        print(f"greedy, many / one at a time: {ratio:.1f} on {device_name()}, mode {args.mode}")
    return int(ratio < wanted)


if __name__ == "__main__":
    sys.exit(main())
