"""What verdict files say, as plain values for a file and lines for a terminal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from posealign_core.errors import DataError
from posealign_core.evaluation.statistics import estimate, paired_difference
from posealign_core.judge.accuracy import Accuracy, draws_by_key, majority
from posealign_core.judge.agreement import agreement, judge_noise
from posealign_core.judge.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from posealign_core.judge.verdict import Verdict

__all__ = ["agreement_report", "report_lines", "verdict_report"]

_DECIDED = (Status.CORRECT, Status.INCORRECT)


def verdict_report(
    verdicts: Sequence[Verdict],
    *,
    labels: Mapping[str, bool | None] | None = None,
    baseline: Sequence[Verdict] | None = None,
) -> dict[str, Any]:
    """Sum up a run's verdicts.

    Args:
        verdicts: All of them.
        labels: Direction-critical labels by key, to split by.
        baseline: Verdicts on another run's answers to the same questions, by the same judge.

    Raises:
        DataError: There are no verdicts, a label is missing, or the baseline is not comparable.
    """
    if not verdicts:
        raise DataError("judge report: wanted verdicts, found none")
    statuses = _statuses(verdicts)
    scenes = {verdict.key: verdict.scene_id for verdict in verdicts}
    first = verdicts[0]
    report: dict[str, Any] = {
        "benchmark": first.benchmark,
        "split": first.split,
        "judge": first.judge.resolved,
        "uses_llm": first.judge.uses_llm,
        "rubric": first.rubric,
        "rubric_sha": first.rubric_sha,
        "parts": {
            name: _part({key: statuses[key] for key in keys}, scenes)
            for name, keys in _parts(statuses, labels).items()
        },
        "judge_noise": _noise(verdicts),
    }
    if baseline is not None:
        report["against_baseline"] = _paired(verdicts, baseline, scenes)
    return report


def _statuses(verdicts: Sequence[Verdict]) -> dict[str, Status]:
    return {key: majority(draws) for key, draws in draws_by_key(verdicts).items()}


def _parts(
    statuses: Mapping[str, Status], labels: Mapping[str, bool | None] | None
) -> dict[str, list[str]]:
    if labels is None:
        return {"all": list(statuses)}
    unlabelled = statuses.keys() - labels.keys()
    if unlabelled:
        raise DataError(
            f"judge report: wanted a label for every question, found none for {len(unlabelled)}, "
            f"for example {min(unlabelled)!r}"
        )
    return {
        "all": list(statuses),
        "direction_critical": [key for key in statuses if labels[key] is True],
        "other": [key for key in statuses if labels[key] is False],
        "unlabelled": [key for key in statuses if labels[key] is None],
    }


def _part(statuses: Mapping[str, Status], scenes: Mapping[str, str]) -> dict[str, Any]:
    accuracy = Accuracy.of(statuses.values())
    correct = [status is Status.CORRECT for status in statuses.values()]
    interval = estimate(correct, [scenes[key] for key in statuses])
    derived = ("strict", "valid", "upper", "coverage", "complete")
    return {
        **dataclasses.asdict(accuracy),
        **{name: getattr(accuracy, name) for name in derived},
        "low_95": interval.low,
        "high_95": interval.high,
        "n_scenes": interval.n_scenes,
    }


def _noise(verdicts: Sequence[Verdict]) -> dict[str, Any] | None:
    decided = [
        [status is Status.CORRECT for status in draws if status in _DECIDED]
        for draws in draws_by_key(verdicts).values()
    ]
    noise = judge_noise(decided)
    return None if noise is None else dataclasses.asdict(noise)


def _paired(
    verdicts: Sequence[Verdict], baseline: Sequence[Verdict], scenes: Mapping[str, str]
) -> dict[str, Any]:
    ours, theirs = _statuses(verdicts), _statuses(baseline)
    who = {(v.judge.resolved, v.rubric_sha) for v in (*verdicts, *baseline)}
    if len(who) != 1 or ours.keys() != theirs.keys():
        raise DataError(
            "judge report: wanted a baseline with the same questions, judge and rubric, found "
            f"{len(ours.keys() ^ theirs.keys())} questions in one file only and {len(who)} judges"
        )
    keys = list(ours)
    difference = paired_difference(
        [float(ours[key] is Status.CORRECT) for key in keys],
        [float(theirs[key] is Status.CORRECT) for key in keys],
        [scenes[key] for key in keys],
    )
    return dataclasses.asdict(difference)


def agreement_report(first: Sequence[Verdict], second: Sequence[Verdict]) -> dict[str, Any]:
    """Compare two judges on the same answers.

    Raises:
        DataError: They judged different answers, or no answer has a verdict of both.
    """
    shas = {verdict.key: verdict.prediction_sha for verdict in first}
    differing = [v.key for v in second if shas.get(v.key, v.prediction_sha) != v.prediction_sha]
    if differing:
        raise DataError(
            f"judge agreement: wanted verdicts on the same answers, found {len(differing)} keys "
            f"with different ones, for example {differing[0]!r}"
        )
    a, b = _statuses(first), _statuses(second)
    keys = [key for key in a if a[key] in _DECIDED and b.get(key) in _DECIDED]
    found = agreement(
        [a[key] is Status.CORRECT for key in keys], [b[key] is Status.CORRECT for key in keys]
    )
    derived = (
        "n",
        "observed",
        "kappa",
        "kappa_error",
        "ac1",
        "agreement_on_correct",
        "agreement_on_incorrect",
    )
    return {
        "first": first[0].judge.resolved,
        "second": second[0].judge.resolved,
        **dataclasses.asdict(found),
        **{name: getattr(found, name) for name in derived},
        "n_undecided": len(a.keys() | b.keys()) - len(keys),
    }


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """A report for the terminal."""
    kind = "" if report["uses_llm"] else "; rules on words, no LLM: not a judge accuracy"
    lines = [
        f"{report['benchmark']} ({report['split']}), judged by {report['judge']} "
        f"with {report['rubric']}{kind}"
    ]
    for name, part in report["parts"].items():
        interval = (
            "" if part["low_95"] is None else f" [{_p(part['low_95'])}, {_p(part['high_95'])}]"
        )
        mark = "" if part["complete"] else "  INCOMPLETE: no headline"
        lines.append(
            f"  {name:<18} {_p(part['strict'])}{interval} of {part['n']}; "
            f"{_p(part['valid'])} of those decided; bounds {_p(part['strict'])} to "
            f"{_p(part['upper'])}; coverage {_p(part['coverage'])} ({part['n_missing']} missing, "
            f"{part['n_invalid']} invalid, {part['n_error']} errors){mark}"
        )
    noise = report["judge_noise"]
    if noise is not None:
        lines.append(
            f"  judge noise        {_p(noise['mean_error'])} (standard error), flip rate "
            f"{_p(noise['flip_rate'])} over {noise['n']} answers drawn repeatedly"
        )
    paired = report.get("against_baseline")
    if paired is not None:
        difference = paired["difference"]
        lines.append(
            f"  against baseline   {_p(difference['mean'])} [{_p(difference['low'])}, "
            f"{_p(difference['high'])}], p = {paired['p_value']:.3g}"
        )
    return lines


def _p(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
