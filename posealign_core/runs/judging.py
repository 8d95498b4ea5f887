"""The judge as a stage of a run."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

from posealign_core.config.convert import to_plain
from posealign_core.errors import ConfigError, JudgeError
from posealign_core.evaluation.subsets import direction_subsets
from posealign_core.judge.build import answers_by_key, make_requests
from posealign_core.judge.cache import ReplyCache
from posealign_core.judge.judgement import Judgement
from posealign_core.judge.lines import read_lines
from posealign_core.judge.plan import is_missing
from posealign_core.judge.rubric import built_in_rubrics, load_rubric, read_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.progress import progress_bar
from posealign_core.registry import resolve
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.config.judge import JudgeConfig
    from posealign_core.host import PluginHost
    from posealign_core.judge.engine import Judge
    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Rubric
    from posealign_core.judge.runner import RunOutcome
    from posealign_core.judge.settings import JudgeSettings
    from posealign_core.structures import Query

__all__ = ["build_judge", "can_judge", "judge_answers", "judge_inputs", "judge_with_progress"]

_RUBRICS = {TaskKind.ANSWER: "scanqa", TaskKind.CAPTION: "scan2cap"}
"""For benchmarks without a rubric of their own."""


def can_judge(kind: TaskKind) -> bool:
    """Whether answers of this kind are words, which a judge can grade."""
    return kind in _RUBRICS


def build_judge(host: PluginHost, engine: str, parameters: Mapping[str, object]) -> Judge:
    """Build an engine.

    Raises:
        UnknownComponentError: There is no such engine.
        ConfigError: It does not take a parameter.
    """
    factory = resolve(host.judges[engine])
    try:
        judge: Judge = factory(**parameters)
    except TypeError as error:
        raise ConfigError([f"parameters: {error}"], source=f"judge {engine}") from error
    return judge


def judge_with_progress(
    requests: Sequence[JudgeRequest],
    judge: Judge,
    rubric: Rubric,
    settings: JudgeSettings,
    out: Path,
    *,
    cache: ReplyCache | None = None,
) -> RunOutcome:
    """Get all verdicts, with a progress bar; arguments and errors as for `judge_requests`."""
    n_asked = sum(not is_missing(request, rubric) for request in requests)
    with progress_bar() as bar:
        task = bar.add_task("judging", total=n_asked * settings.draws, note="")
        return judge_requests(
            requests,
            judge,
            rubric,
            settings,
            out,
            cache=cache,
            on_verdict=lambda n_done, tally: bar.update(
                task,
                completed=n_done,
                note=f"{tally.n_cached} cached, {tally.n_failed_tries} failed tries, "
                f"{tally.tokens_in + tally.tokens_out:,} tokens, cost {tally.cost:.4f}",
            ),
        )


def judge_inputs(config: JudgeConfig, queries: Sequence[Query]) -> dict[str, str]:
    """What verdicts depend on besides questions and answers, by name."""
    settings = to_plain(dataclasses.replace(config.settings, limits=type(config.settings.limits)()))
    chosen = {"engine": config.engine, **config.parameters, **settings}
    return {"judge": repr(sorted(chosen.items())), "rubric": _rubric(config, queries[0]).sha}


def judge_answers(
    host: PluginHost, config: JudgeConfig, queries: Sequence[Query], predictions: Path, out: Path
) -> Judgement:
    """Judge a run's answers to one benchmark; killed, it goes on where it was.

    Args:
        host: Knows the engines.
        config: Who judges, and how.
        queries: All questions of the benchmark.
        predictions: The answers.
        out: The verdict file.

    Raises:
        JudgeError: The judge stopped, or did not answer everything; another call asks for the rest.
        DataError: The answers are damaged, or are to other questions.
    """
    requests = make_requests(queries, answers_by_key(read_lines(predictions)))
    cached: Any = contextlib.nullcontext() if config.cache is None else ReplyCache(config.cache)
    with cached as cache:
        outcome = judge_with_progress(
            requests,
            build_judge(host, config.engine, config.parameters),
            _rubric(config, queries[0]),
            config.settings,
            out,
            cache=cache,
        )
    if not outcome.complete:
        why = outcome.stopped or f"{outcome.n_errors} requests ended in an error"
        raise JudgeError(
            f"{out}: {len(outcome.verdicts)} of {outcome.n_wanted} verdicts are there, then: "
            f"{why}; run the same command again to go on"
        )
    return Judgement.of(outcome.verdicts, _labels(queries), price=config.settings.price)


def _labels(queries: Sequence[Query]) -> dict[str, bool | None]:
    subsets = direction_subsets(queries)
    critical = set(subsets.get("direction_critical", ()))
    other = set(subsets.get("other", ()))
    return {
        q.query_id: True if q.query_id in critical else False if q.query_id in other else None
        for q in queries
    }


def _rubric(config: JudgeConfig, query: Query) -> Rubric:
    if config.rubric_file is not None:
        return read_rubric(config.rubric_file)
    own = any(name.startswith(f"{query.benchmark}.v") for name in built_in_rubrics())
    return load_rubric(config.rubric or (query.benchmark if own else _RUBRICS[query.kind]))
