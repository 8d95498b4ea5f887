"""A verb that consists of several jobs, each with arguments of its own."""

from __future__ import annotations

import abc
import os
from typing import TYPE_CHECKING, Any

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from posealign_core.host import PluginHost

    Work = Callable[[argparse.Namespace, PluginHost], int]

__all__ = ["JobsCommand", "add_job", "add_processes"]


class JobsCommand(Command):
    """`posealign VERB JOB ...`."""

    @abc.abstractmethod
    def add_jobs(self, jobs: Any) -> None:
        """Declare each job with `add_job`.

        Args:
            jobs: The sub-parsers.
        """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare one parser per job."""
        self.add_jobs(parser.add_subparsers(metavar="JOB", required=True))

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Do the job."""
        job: Work = args.job
        return job(args, host)


def add_job(jobs: Any, name: str, summary: str, work: Work) -> argparse.ArgumentParser:
    """Add a job to the sub-parsers of a verb, and return its parser.

    Args:
        jobs: What `add_subparsers` returned.
        name: Name on the command line.
        summary: One line, in lower case.
        work: Does the job and returns an exit code.
    """
    parser: argparse.ArgumentParser = jobs.add_parser(
        name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}."
    )
    parser.set_defaults(job=work)
    return parser


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Declare `--jobs`, the number of processes."""
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)"
    )
