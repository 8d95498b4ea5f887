"""Grading of free-form answers: requests, rubrics, engines, verdicts, and what they amount to.

`judge_requests` asks an engine (`Judge`) about requests under a rubric and writes verdicts; killed,
it goes on where it was. `accuracy`, `agreement`, `humans` and `report` sum verdicts up; `audit` and
`probes` judge the judge. Engines are plugins: see `specs.JudgeSpec`.
"""

from __future__ import annotations

from posealign_core.judge.engine import Ask, Judge, RefusedError, Reply, UnreachableError, Usage
from posealign_core.judge.request import JudgeRequest, read_requests
from posealign_core.judge.rubric import Rubric, load_rubric, read_rubric
from posealign_core.judge.runner import RunOutcome, judge_requests
from posealign_core.judge.sampling import Sampling
from posealign_core.judge.settings import JudgeSettings, Limits, Price
from posealign_core.judge.verdict import JudgeIdentity, Status, Verdict, read_verdicts

__all__ = [
    "Ask",
    "Judge",
    "JudgeIdentity",
    "JudgeRequest",
    "JudgeSettings",
    "Limits",
    "Price",
    "RefusedError",
    "Reply",
    "Rubric",
    "RunOutcome",
    "Sampling",
    "Status",
    "UnreachableError",
    "Usage",
    "Verdict",
    "judge_requests",
    "load_rubric",
    "read_requests",
    "read_rubric",
    "read_verdicts",
]
