"""Verdicts per second with many requests in flight against one at a time, on the same server.

    python benchmarks/judge_throughput.py [--latency 0.1] [--base-url URL --model MODEL]

Without `--base-url` it starts the package's scripted server, which answers each request after
`--latency` seconds however many there are: what is measured is then whether the harness keeps them
in flight. With `--base-url` it measures that server. Exits with 1 below 10 times.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.judge.request import JudgeRequest
from posealign_core.judge.rubric import load_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.sampling import Sampling
from posealign_core.judge.settings import JudgeSettings, Limits
from posealign_judge_openai.engine import OpenAIJudge

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = 10.0


def make_requests(start: int, n: int) -> list[JudgeRequest]:
    """Answers that no other call asks about, so that no cache of the server's helps twice."""
    return [
        JudgeRequest(
            benchmark="scanqa",
            split="val",
            key=f"q{number}",
            scene_id=f"scene{number // 60}",
            question=f"What is to the left of shelf number {number}?",
            references=("a lamp", "the floor lamp"),
            prediction="a tall lamp",
        )
        for number in range(start, start + n)
    ]


@contextlib.contextmanager
def scripted_server(latency_s: float) -> Iterator[str]:
    """The base URL of a scripted server process."""
    command = [sys.executable, "-m", "posealign_core.judge.fake_server"]
    command += ["--latency", str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no output to read its port from")
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def verdicts_per_second(
    url: str, model: str, requests: list[JudgeRequest], in_flight: int
) -> float:
    """Rate of one whole run, start and files included."""
    judge = OpenAIJudge(model=model, base_url=url, structured=False)
    settings = JudgeSettings(
        sampling=Sampling(max_tokens=16), redraws=0, limits=Limits(in_flight=in_flight)
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcome = judge_requests(
            requests, judge, load_rubric("scanqa"), settings, Path(folder) / "v.jsonl"
        )
        seconds = time.perf_counter() - start
    if not outcome.complete:
        raise RuntimeError(f"the run is not whole: {outcome.stopped or outcome.n_errors}")
    return len(outcome.verdicts) / seconds


def main() -> int:
    """Measure both, one after the other, and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--in-flight", type=int, default=64, help="requests at once (64)")
    parser.add_argument(
        "--latency", type=float, default=0.1, help="of the scripted server, s (0.1)"
    )
    parser.add_argument("--requests", type=int, default=1000, help="of the many-at-once run (1000)")
    parser.add_argument("--base-url", help="a running server instead of the scripted one")
    parser.add_argument("--model", default="fake-1", help="its model")
    args = parser.parse_args()
    server = (
        contextlib.nullcontext(args.base_url) if args.base_url else scripted_server(args.latency)
    )
    n_alone = max(20, args.requests // 20)
    with server as url:
        alone = verdicts_per_second(url, args.model, make_requests(0, n_alone), 1)
        requests = make_requests(n_alone, args.requests)
        together = verdicts_per_second(url, args.model, requests, args.in_flight)
    print(f"{'in flight':>10}{'requests':>10}{'verdicts/s':>12}")
    print(f"{1:>10}{n_alone:>10}{alone:>12.1f}")
    print(f"{args.in_flight:>10}{args.requests:>10}{together:>12.1f}   x {together / alone:.1f}")
    return int(together < WANTED * alone)


if __name__ == "__main__":
    sys.exit(main())
