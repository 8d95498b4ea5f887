"""What becomes of verdicts when the judge's server misbehaves: each fault, and a kill half-way.

    python benchmarks/judge_faults.py [--requests 24]

Starts the package's scripted server in a process of its own for each line. Every other request gets
the fault; the rest are answered. The last lines kill the server, and the harness itself, half-way,
and call again. Exits with 1 if a line ends otherwise than it should.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from posealign_core.judge.request import JudgeRequest, requests_text
from posealign_core.judge.rubric import load_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import JudgeSettings, Limits
from posealign_core.judge.verdict import Status, read_verdicts
from posealign_judge_openai.engine import OpenAIJudge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posealign_core.judge.runner import RunOutcome

LIMITS = Limits(
    in_flight=4, tries=15, backoff_s=0.01, max_backoff_s=0.2, timeout_s=1.0, failures_in_a_row=3
)


class Line(NamedTuple):
    """One line of the table."""

    fault: str
    means: str
    decided: int
    invalid: int
    errors: int
    retries: int
    ends: str
    as_it_should: bool


FAULTS = {
    "ok": "a sound server",
    "429": "status 429 with Retry-After",
    "500": "status 500",
    "garbage": "status 200, bytes that are no JSON",
    "wrong-schema": "status 200, JSON without choices",
    "cut": "hangs up in the middle of a reply",
    "slow": "replies after 2 s, twice the time-out",
    "silent": "never replies",
    "unparsed": "replies with words that are no verdict",
    "length": "the reply is empty, cut by the token limit",
    "400": "status 400: this request can never be answered",
    "401": "status 401: a wrong key",
}
"""Faults of the scripted server, and what a client sees of them."""


def make_requests(n: int) -> list[JudgeRequest]:
    """Answers to judge."""
    return [
        JudgeRequest(
            benchmark="scanqa",
            split="val",
            key=f"q{number}",
            scene_id=f"scene{number // 8}",
            question=f"What is to the left of shelf number {number}?",
            references=("a lamp",),
            prediction="a tall lamp",
        )
        for number in range(n)
    ]


@contextlib.contextmanager
def serving(*arguments: str, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A scripted server: its base URL, and its process."""
    command = [sys.executable, "-m", "posealign_core.judge.fake_server", *arguments]
    command += ["--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no output to read its port from")
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", process
        finally:
            process.kill()


def judged(
    url: str,
    requests: list[JudgeRequest],
    out: Path,
    on_verdict: Callable[[int, object], None] = lambda *_: None,
) -> RunOutcome:
    """Ask for all verdicts that are not there yet."""
    judge = OpenAIJudge(model="fake-1", base_url=url, structured=False)
    settings = JudgeSettings(limits=LIMITS)
    rubric = load_rubric("scanqa")
    return judge_requests(requests, judge, rubric, settings, out, on_verdict=on_verdict)


def line_of(fault: str, means: str, outcome: RunOutcome, n: int, *, wanted: str) -> Line:
    """How a run ended: `whole`, `stopped`, or with errors that a second call would ask again."""
    statuses = Counter(verdict.status.value for verdict in outcome.verdicts)
    decided = statuses["correct"] + statuses["incorrect"]
    ends = "whole" if outcome.complete and len(outcome.verdicts) == n else "errors left"
    if outcome.stopped:
        ends = "stopped"
    retries = outcome.tally.n_failed_tries
    counts = (decided, statuses["invalid"], outcome.n_errors, retries)
    return Line(fault, means, *counts, ends, ends == wanted)


def fault_lines(requests: list[JudgeRequest], folder: Path) -> Iterator[Line]:
    """One line per fault."""
    ends = {"400": "errors left", "401": "stopped"}
    for fault, means in FAULTS.items():
        with serving("--faults", "ok" if fault == "ok" else f"ok,{fault}") as (url, _):
            outcome = judged(url, requests, folder / f"{fault}.jsonl")
        wanted = ends.get(fault, "whole")
        yield line_of(fault, means, outcome, len(requests), wanted=wanted)


def killed_server(requests: list[JudgeRequest], folder: Path) -> Iterator[Line]:
    """The server dies half-way; once it is back, the rest is asked."""
    out = folder / "server.jsonl"
    with serving("--latency", "0.05") as (url, process):
        port = int(url.rpartition(":")[2].partition("/")[0])

        def kill(n_done: int, _: object) -> None:
            if n_done == len(requests) // 2:
                process.kill()

        outcome = judged(url, requests, out, kill)
    means = "killed after half of the verdicts"
    yield line_of("no server", means, outcome, len(requests), wanted="stopped")
    with serving(port=port) as (url, _):
        outcome = judged(url, requests, out)
    means = f"back again: {outcome.n_kept} verdicts were kept, the others asked"
    found = line_of("no server", means, outcome, len(requests), wanted="whole")
    yield found._replace(as_it_should=found.as_it_should and outcome.n_kept >= len(requests) // 2)


def killed_harness(requests: list[JudgeRequest], folder: Path) -> Line:
    """`posealign judge grade` is killed (SIGKILL) half-way, and called again.

    At most the one request that was in flight is sent twice.
    """
    log, out, asked = folder / "asked.txt", folder / "harness.jsonl", folder / "requests.jsonl"
    asked.write_text(requests_text(requests), encoding="utf-8")
    with serving("--latency", "0.1", "--log", str(log)) as (url, _):
        command = [sys.executable, "-m", "posealign_core.cli.main", "judge", "grade"]
        command += ["--requests", str(asked), "--out", str(out), "--judge", "openai"]
        command += ["-p", "model=fake-1", "-p", f"base_url={url}", "-p", "structured=off"]
        command += ["--in-flight", "1", "--cache", str(folder / "replies.sqlite")]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as harness:
            while not log.exists() or log.read_text().count("\n") < len(requests) // 2:
                time.sleep(0.02)
            harness.send_signal(signal.SIGKILL)
        subprocess.run(command, check=True, capture_output=True)
        n_asked = log.read_text().count("\n")
    grades = {Status.CORRECT, Status.INCORRECT}
    decided = sum(verdict.status in grades for verdict in read_verdicts(out))
    means = f"killed half-way and called again, with --cache: {n_asked} requests in all"
    sound = decided == len(requests) and n_asked <= len(requests) + 1
    return Line("no harness", means, decided, 0, 0, 0, "whole", sound)


def main() -> int:
    """Try everything, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=24, help="answers per line (24)")
    args = parser.parse_args()
    requests = make_requests(args.requests)
    lines: list[Line] = []
    print("| fault | what happens | verdicts | no verdict | errors | failed tries | the run ends |")
    print("|---|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines += fault_lines(requests, folder)
        lines += killed_server(requests, folder)
        lines.append(killed_harness(requests, folder))
    for line in lines:
        cells = (line.fault, line.means, f"{line.decided} of {len(requests)}")
        counts = (line.invalid, line.errors, line.retries)
        print(f"| {' | '.join(cells)} | {' | '.join(map(str, counts))} | {line.ends} |")
    wrong = [line.fault for line in lines if not line.as_it_should]
    if wrong:
        print(f"otherwise than it should: {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
