"""The entry point of `posealign`: finds the verb, runs it, turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from posealign_core import __version__
from posealign_core.errors import ExitCode, PoseAlignError, PoseAlignWarning
from posealign_core.host import PluginHost, build_host
from posealign_core.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posealign_core.cli.command import Command

__all__ = ["main", "run_verb", "verb_parser"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `posealign` with these arguments and return the exit code."""
    # OpenMP threads that spin while they wait slow each other down tenfold on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = list(sys.argv[1:] if argv is None else argv)
    traceback_wanted = "--traceback" in arguments or "POSEALIGN_TRACEBACK" in os.environ
    arguments = [a for a in arguments if a != "--traceback"]
    try:
        host = build_host()
        verb = arguments[0] if arguments and not arguments[0].startswith("-") else None
        if verb is None:
            return _overview(host, arguments)
        with _one_line_warnings():
            return run_verb(host, verb, arguments[1:])
    except PoseAlignError as error:
        if traceback_wanted:
            raise
        print(f"posealign: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print(
            "posealign: interrupted; finished work is kept, run the same command to continue",
            file=sys.stderr,
        )
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone; give Python nothing left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Show our own warnings without the source line that raised them."""
    usual = warnings.formatwarning

    def plain(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
        if issubclass(category, PoseAlignWarning):
            return f"posealign: warning: {message}\n"
        return usual(message, category, *place, **line)

    warnings.formatwarning = plain
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _overview(host: PluginHost, arguments: list[str]) -> int:
    width = max(len(spec.name) for spec in host.commands)
    verbs = "\n".join(f"  {spec.name:<{width}}  {spec.summary}" for spec in host.commands)
    parser = argparse.ArgumentParser(
        prog="posealign",
        usage="posealign VERB [arguments]",
        description="Direction-aware 3-D large multimodal models.",
        epilog=f"verbs:\n{verbs}\n\n'posealign VERB --help' explains a verb. After an error, "
        "'--traceback' shows where it came from.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"posealign {__version__}")
    parser.parse_args(arguments)
    parser.print_help()
    return int(ExitCode.OK)


def run_verb(host: PluginHost, verb: str, arguments: list[str]) -> int:
    """Run one verb with its arguments, letting its errors through."""
    spec = host.commands[verb]
    command: Command = resolve(spec)()
    parser = verb_parser(verb, spec.summary, command)
    return command.run(parser.parse_args(arguments), host)


def verb_parser(verb: str, summary: str, command: Command) -> argparse.ArgumentParser:
    """The parser of one verb."""
    examples = "\n".join(f"  {line}" for line in command.examples)
    parser = argparse.ArgumentParser(
        prog=f"posealign {verb}",
        description=f"{summary[:1].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
