"""The arguments by which the jobs of `posealign judge` take requests, judge and settings."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posealign_core.errors import ConfigError, DataError
from posealign_core.registry import resolve

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost
    from posealign_core.judge.cache import ReplyCache
    from posealign_core.judge.engine import Judge
    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Rubric
    from posealign_core.judge.settings import JudgeSettings
    from posealign_core.structures import Query

__all__ = [
    "add_judge_arguments",
    "add_request_arguments",
    "grading_requests",
    "labelling_requests",
    "make_judge",
    "open_cache",
    "read_rubric_argument",
    "read_settings",
]


def add_request_arguments(parser: argparse.ArgumentParser, *, predictions: bool) -> None:
    """Declare where questions, references and answers come from."""
    parser.add_argument("--benchmark", help="a name from 'posealign list benchmarks'")
    parser.add_argument("--root", type=Path, help="folder with its annotation files")
    parser.add_argument("--split", default="val", help="its split (default: val)")
    if predictions:
        parser.add_argument("--pred", type=Path, help="prediction file of 'posealign predict'")
        parser.add_argument(
            "--requests", type=Path, help="a file of requests instead of all of these"
        )


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare judge, rubric, sampling and limits."""
    parser.add_argument("--judge", default="lexical", help="a name from 'posealign list judges'")
    parser.add_argument(
        "-p",
        dest="parameters",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a parameter of the judge, like model=NAME; values are YAML",
    )
    parser.add_argument("--rubric", help="a built-in rubric (default: the benchmark's newest)")
    parser.add_argument("--rubric-file", type=Path, help="a rubric of your own")
    parser.add_argument(
        "--fidelity",
        choices=["correct", "released"],
        default="correct",
        help="released reads replies as the published graders do (default: correct)",
    )
    parser.add_argument("--draws", type=int, default=1, help="verdicts per answer, odd (1)")
    parser.add_argument("--temperature", type=float, help="default: 0, released: 1")
    parser.add_argument("--max-tokens", type=int, help="most tokens per reply (4096)")
    parser.add_argument("--effort", help="reasoning effort, for models that know it")
    parser.add_argument("--label-order", choices=["ab", "ba", "hash"], help="default: hash")
    parser.add_argument("--in-flight", type=int, default=64, help="most requests at once (64)")
    parser.add_argument("--rate", type=float, help="most requests per second")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds per reply (300)")
    parser.add_argument("--price-in", type=float, help="price of a million prompt tokens")
    parser.add_argument("--price-out", type=float, help="price of a million generated tokens")
    parser.add_argument("--max-cost", type=float, help="stop before it costs more than this")
    parser.add_argument("--cache", type=Path, help="SQLite file of replies, shared between runs")


def _queries(args: argparse.Namespace, host: PluginHost) -> list[Query]:
    if args.benchmark is None or args.root is None:
        raise ConfigError(["wanted --benchmark and --root, found not both"], source="judge")
    queries: list[Query] = resolve(host.benchmarks[args.benchmark])(args.root).queries(args.split)
    if not queries:
        raise DataError(f"{args.root}: split {args.split!r} of {args.benchmark!r} has no queries")
    return queries


def grading_requests(args: argparse.Namespace, host: PluginHost) -> list[JudgeRequest]:
    """What is to be graded.

    Raises:
        ConfigError: Neither or both of the two sources are given.
        DataError: There is nothing to grade.
    """
    from posealign_core.judge.build import answers_by_key, make_requests
    from posealign_core.judge.lines import read_lines
    from posealign_core.judge.request import read_requests

    if (args.requests is None) == (args.pred is None):
        raise ConfigError(["wanted either --requests or --pred"], source="judge")
    if args.pred is not None:
        return make_requests(_queries(args, host), answers_by_key(read_lines(args.pred)))
    requests = read_requests(args.requests)
    if not requests:
        raise DataError(f"{args.requests}: holds no requests")
    return requests


def labelling_requests(
    args: argparse.Namespace, host: PluginHost
) -> tuple[list[Query], list[JudgeRequest]]:
    """What is to be labelled, as queries and as requests."""
    from posealign_core.judge.build import make_requests

    queries = _queries(args, host)
    return queries, make_requests(queries, None)


def make_judge(args: argparse.Namespace, host: PluginHost) -> Judge:
    """Build the engine.

    Raises:
        ConfigError: A parameter has no value, or the engine does not know it.
    """
    import yaml

    from posealign_core.runs.judging import build_judge

    parameters: dict[str, Any] = {}
    for text in args.parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError([f"-p: wanted KEY=VALUE, found {text!r}"], source="judge")
        parameters[name] = yaml.safe_load(value)
    return build_judge(host, args.judge, parameters)


def read_rubric_argument(args: argparse.Namespace, default: str) -> Rubric:
    """The rubric that was asked for, or the newest of that name."""
    from posealign_core.judge.rubric import load_rubric, read_rubric

    if args.rubric_file is not None:
        return read_rubric(args.rubric_file)
    return load_rubric(args.rubric or default)


def read_settings(args: argparse.Namespace) -> JudgeSettings:
    """The settings that were asked for.

    Raises:
        ConfigError: They contradict each other.
    """
    import dataclasses

    from posealign_core.judge.settings import JudgeSettings, LabelRule, Limits, Price

    if (args.price_in is None) != (args.price_out is None):
        raise ConfigError(["wanted both --price-in and --price-out"], source="judge")
    price = None
    if args.price_in is not None:
        price = Price(tokens_in=args.price_in, tokens_out=args.price_out)
    limits = Limits(
        in_flight=args.in_flight,
        per_second=args.rate,
        timeout_s=args.timeout,
        max_cost=args.max_cost,
    )
    released = args.fidelity == "released"
    base = JudgeSettings.released() if released else JudgeSettings()
    asked = {
        "temperature": args.temperature,
        "max_tokens": args.max_tokens,
        "reasoning_effort": args.effort,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return dataclasses.replace(
        base,
        sampling=dataclasses.replace(base.sampling, **given),
        draws=args.draws,
        label_rule=base.label_rule if args.label_order is None else LabelRule(args.label_order),
        limits=limits,
        price=price,
    )


def open_cache(args: argparse.Namespace) -> contextlib.AbstractContextManager[ReplyCache | None]:
    """The cache that was asked for, or none."""
    from posealign_core.judge.cache import ReplyCache

    return contextlib.nullcontext() if args.cache is None else ReplyCache(args.cache)
