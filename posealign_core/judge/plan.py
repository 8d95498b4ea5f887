"""What a run has to ask, and about what it will cost."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.judge.budget import estimated_tokens
from posealign_core.judge.digest import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Prompt, Rubric
    from posealign_core.judge.settings import JudgeSettings
    from posealign_core.judge.verdict import JudgeIdentity

__all__ = ["Forecast", "Task", "forecast", "is_missing", "plan_tasks"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One draw to make.

    Attributes:
        request: What it is about.
        draw: Which draw, from 0.
        prompt: What a model reads.
        request_sha: Hash of everything that reaches the model, but for the sample index.
    """

    request: JudgeRequest
    draw: int
    prompt: Prompt
    request_sha: str

    @property
    def place(self) -> tuple[str, int]:
        """Where its verdict belongs."""
        return self.request.key, self.draw


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run will take, if nothing is cached and every reply is a verdict.

    Attributes:
        n_calls: Requests to the judge.
        tokens_in: Prompt tokens, estimated from the length of the prompts.
        tokens_shared: How many of these are the rubric, which a prefix cache reads once.
        max_tokens_out: The most that can be generated.
        max_cost: The price of all this; None without prices.
    """

    n_calls: int
    tokens_in: int
    tokens_shared: int
    max_tokens_out: int
    max_cost: float | None


def is_missing(request: JudgeRequest, rubric: Rubric) -> bool:
    """Whether there is no answer to grade, so that nothing need be asked."""
    return rubric.grades and request.prediction is None


def plan_tasks(
    requests: Iterable[JudgeRequest],
    rubric: Rubric,
    settings: JudgeSettings,
    identity: JudgeIdentity,
) -> list[Task]:
    """All draws to make, in the order of the requests."""
    tasks = []
    for request in requests:
        if is_missing(request, rubric):
            continue
        order = settings.label_rule.order_of(request)
        prompt = rubric.render(request, order, structured=identity.structured)
        sha = _request_sha(prompt, settings, identity)
        tasks += [
            Task(request=request, draw=draw, prompt=prompt, request_sha=sha)
            for draw in range(settings.draws)
        ]
    return tasks


def _request_sha(prompt: Prompt, settings: JudgeSettings, identity: JudgeIdentity) -> str:
    sampling = dataclasses.asdict(settings.sampling)
    judge = [identity.engine, identity.resolved, identity.structured]
    return digest([prompt.text, *judge, sampling])


def forecast(
    requests: Iterable[JudgeRequest],
    rubric: Rubric,
    settings: JudgeSettings,
    identity: JudgeIdentity,
) -> Forecast:
    """Estimate a run without asking anything."""
    tasks = plan_tasks(requests, rubric, settings, identity)
    tokens_in = sum(estimated_tokens(task.prompt.text) for task in tasks)
    tokens_out = len(tasks) * settings.sampling.max_tokens
    price = settings.price
    return Forecast(
        n_calls=len(tasks),
        tokens_in=tokens_in,
        tokens_shared=len(tasks) * estimated_tokens(rubric.prefix),
        max_tokens_out=tokens_out,
        max_cost=None if price is None else price.cost(tokens_in=tokens_in, tokens_out=tokens_out),
    )
