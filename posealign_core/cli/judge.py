"""`posealign judge`: grade answers, label questions, and judge the judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_core.cli.jobs import JobsCommand, add_job
from posealign_core.cli.judge_source import (
    add_judge_arguments,
    add_request_arguments,
    grading_requests,
    labelling_requests,
    make_judge,
    open_cache,
    read_rubric_argument,
    read_settings,
)
from posealign_core.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from posealign_core.host import PluginHost
    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Rubric
    from posealign_core.judge.runner import RunOutcome


class JudgeCommand(JobsCommand):
    """Five jobs on verdicts."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign judge grade --benchmark scanqa --root ANNOTATIONS --pred P.jsonl --out V.jsonl",
        "posealign judge grade --requests R.jsonl --judge openai -p model=gpt-oss-20b "
        "-p base_url=http://127.0.0.1:8000/v1 --out V.jsonl",
        "posealign judge label --benchmark sqa3d --root ANNOTATIONS --split test --out L.jsonl",
        "posealign judge report --verdicts V.jsonl --labels L.jsonl --baseline V0.jsonl",
        "posealign judge agree V.jsonl OTHER.jsonl",
        "posealign judge agree V.jsonl --human PEOPLE.csv",
        "posealign judge audit --requests R.jsonl --judge lexical --out audit/",
    )

    def add_jobs(self, jobs: Any) -> None:
        """Declare the jobs."""
        for add in (_grade, _label, _report, _agree, _audit):
            add(jobs)


def _grade(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.judge.report import report_lines, verdict_report

        requests = grading_requests(args, host)
        rubric = read_rubric_argument(args, requests[0].benchmark)
        if args.dry_run:
            return _print_forecast(args, host, requests, rubric)
        outcome = _judged(args, host, requests, rubric, args.out)
        if outcome.verdicts:
            print("\n".join(report_lines(verdict_report(outcome.verdicts))))
        return _exit_code(outcome)

    parser = add_job(jobs, "grade", "say of each answer whether it is correct", work)
    add_request_arguments(parser, predictions=True)
    add_judge_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="verdict file to make or continue")
    parser.add_argument("--dry-run", action="store_true", help="print what it would take, and stop")


def _label(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.evaluation.subsets import split_by_rule
        from posealign_core.judge.labels import label_agreement, labels_of_verdicts, write_labels

        queries, requests = labelling_requests(args, host)
        code = int(ExitCode.OK)
        if args.rule == "llm":
            rubric = read_rubric_argument(args, "direction")
            outcome = _judged(args, host, requests, rubric, args.out.with_suffix(".verdicts.jsonl"))
            labels = labels_of_verdicts(outcome.verdicts)
            code = _exit_code(outcome)
        else:
            critical = set(split_by_rule(queries, args.rule)[0])
            labels = {query.query_id: query.query_id in critical for query in queries}
        first = requests[0]
        if code == ExitCode.OK:
            write_labels(
                args.out, labels, benchmark=first.benchmark, split=first.split, rule=args.rule
            )
            n_critical = sum(label is True for label in labels.values())
            n_other = sum(label is False for label in labels.values())
            print(
                f"{args.out}: {n_critical} of {len(labels)} need a direction ({args.rule}), "
                f"{n_other} do not"
            )
            if args.against is not None:
                others = set(split_by_rule(queries, args.against)[0])
                found = label_agreement(labels, {q.query_id: q.query_id in others for q in queries})
                kappa = "undefined" if found.kappa is None else f"{found.kappa:.3f}"
                print(f"agreement with {args.against}: {found.observed:.3f}, kappa {kappa}")
        return code

    parser = add_job(jobs, "label", "say of each question whether it needs a direction", work)
    add_request_arguments(parser, predictions=False)
    add_judge_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="label file to make")
    parser.add_argument(
        "--rule", default="r3d_words", help="a word list (default: r3d_words), or llm for the judge"
    )
    parser.add_argument(
        "--against", metavar="RULE", help="a word list to compare with: agreement and Cohen's kappa"
    )


def _report(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.judge.labels import read_labels
        from posealign_core.judge.report import report_lines, verdict_report
        from posealign_core.judge.verdict import read_verdicts

        report = verdict_report(
            read_verdicts(args.verdicts),
            labels=None if args.labels is None else read_labels(args.labels),
            baseline=None if args.baseline is None else read_verdicts(args.baseline),
        )
        print("\n".join(report_lines(report)))
        _write(args.out, report)
        whole = report["parts"]["all"]["complete"]
        return int(ExitCode.OK if whole else ExitCode.JUDGE_INCOMPLETE)

    parser = add_job(jobs, "report", "accuracy with all its denominators and intervals", work)
    parser.add_argument("--verdicts", type=Path, required=True, help="verdict file")
    parser.add_argument("--labels", type=Path, help="label file, to split by")
    parser.add_argument("--baseline", type=Path, help="verdicts on another run, to compare with")
    parser.add_argument("--out", type=Path, help="JSON file to write it to")


def _agree(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.judge.humans import human_report, read_human_labels
        from posealign_core.judge.report import agreement_report
        from posealign_core.judge.verdict import read_verdicts

        first = read_verdicts(args.first)
        if (args.second is None) == (args.human is None):
            raise ConfigError(["wanted either a second verdict file or --human"], source="judge")
        if args.human is None:
            report = agreement_report(first, read_verdicts(args.second))
        else:
            report = human_report(first, read_human_labels(args.human))
        for name, value in report.items():
            shown = f"{value:.3f}" if isinstance(value, float) else value
            print(f"{name:<24} {shown}")
        _write(args.out, report)
        return int(ExitCode.OK)

    summary = "how far two judges, or a judge and people, agree on the same answers"
    parser = add_job(jobs, "agree", summary, work)
    parser.add_argument("first", type=Path, help="verdict file")
    parser.add_argument("second", type=Path, nargs="?", help="verdict file of another judge")
    parser.add_argument("--human", type=Path, help="CSV of people's verdicts: key,correct (1 or 0)")
    parser.add_argument("--out", type=Path, help="JSON file to write it to")


def _audit(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        import dataclasses

        from posealign_core.judge.audit import audit_judge

        requests = grading_requests(args, host)[: args.sample]
        rubric = read_rubric_argument(args, requests[0].benchmark)
        with open_cache(args) as cache:
            outcomes = audit_judge(
                requests,
                lambda: make_judge(args, host),
                rubric,
                read_settings(args),
                args.out,
                cache=cache,
            )
        print(f"{'probe':<24}{'n':>6}{'shift':>9}{'flips':>9}{'failed':>9}")
        for outcome in outcomes:
            shares = (outcome.shift, outcome.flip_rate, outcome.fail_rate)
            cells = "".join("        -" if s is None else f"{100 * s:>9.1f}" for s in shares)
            print(f"{outcome.probe:<24}{outcome.n:>6}{cells}")
        _write(args.out / "audit.json", [dataclasses.asdict(outcome) for outcome in outcomes])
        return int(ExitCode.OK)

    parser = add_job(jobs, "audit", "what a judge is swayed by: order, length, sides, orders", work)
    add_request_arguments(parser, predictions=True)
    add_judge_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the verdicts")
    parser.add_argument("--sample", type=int, default=300, help="first answers to use (300)")


def _judged(
    args: argparse.Namespace,
    host: PluginHost,
    requests: Sequence[JudgeRequest],
    rubric: Rubric,
    out: Path,
) -> RunOutcome:
    from posealign_core.runs.judging import judge_with_progress

    with open_cache(args) as cache:
        outcome = judge_with_progress(
            requests, make_judge(args, host), rubric, read_settings(args), out, cache=cache
        )
    tally = outcome.tally
    print(
        f"{out}: {len(outcome.verdicts)} verdicts ({outcome.n_kept} were there, {tally.n_cached} "
        f"cached, {tally.n_replies} asked); {tally.tokens_in:,} tokens in, {tally.tokens_cached:,} "
        f"of them cached, {tally.tokens_out:,} out; cost {tally.cost:.4f}"
    )
    return outcome


def _exit_code(outcome: RunOutcome) -> int:
    from posealign_core.errors import JudgeError

    if outcome.stopped:
        raise JudgeError(
            f"the judge stopped after {len(outcome.verdicts)} verdicts: {outcome.stopped}; "
            "run the same command again to go on"
        )
    if outcome.n_errors:
        raise JudgeError(
            f"{outcome.n_errors} requests ended in an error; run the same command again to ask "
            "them again"
        )
    return int(ExitCode.OK)


def _print_forecast(
    args: argparse.Namespace, host: PluginHost, requests: Sequence[JudgeRequest], rubric: Rubric
) -> int:
    from posealign_core.judge.plan import forecast
    from posealign_core.judge.verdict import JudgeIdentity

    name = args.judge
    identity = JudgeIdentity(engine=name, model="", resolved="")
    found = forecast(requests, rubric, read_settings(args), identity)
    cost = "unknown without --price-in and --price-out"
    if found.max_cost is not None:
        cost = f"at most {found.max_cost:.4f}"
    print(
        f"{found.n_calls} calls to {name} with {rubric.name}; about {found.tokens_in:,} prompt "
        f"tokens ({found.tokens_shared:,} of them the rubric), at most {found.max_tokens_out:,} "
        f"generated; cost {cost}"
    )
    return int(ExitCode.OK)


def _write(path: Path | None, values: Any) -> None:
    import json

    from posealign_core.atomic import write_text

    if path is not None:
        write_text(path, json.dumps(values, indent=2) + "\n")


command = JudgeCommand
