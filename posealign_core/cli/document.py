"""The reference of the command line, written from the verbs themselves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from posealign_core.cli.main import verb_parser
from posealign_core.errors import ExitCode
from posealign_core.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_core.cli.command import Command
    from posealign_core.host import PluginHost

__all__ = ["cli_reference"]

_EXIT_CODES = {
    ExitCode.OK: "all went well",
    ExitCode.RUN_FAILED: "what was asked could not be done; the line on standard error says why",
    ExitCode.USAGE: "the arguments do not fit together",
    ExitCode.CONFIG: "a configuration has faults; all of them are named",
    ExitCode.DATA: "a file is missing or damaged",
    ExitCode.PLUGIN: "a plugin or a package is missing or broken",
    ExitCode.CHECKS_FAILED: "a backbone breaks the contract",
    ExitCode.JUDGE_INCOMPLETE: "the judge could not give all verdicts",
    ExitCode.BUSY: "another process is working on the same folder",
    ExitCode.INTERRUPTED: "interrupted; run the same command to continue",
}


def cli_reference(host: PluginHost) -> str:
    """The verbs of the core with their arguments and examples, as Markdown."""
    lines: list[str] = []
    for spec in host.commands:
        if host.commands.origin(spec.name) == "posealign_core":
            lines += _verb(spec.name, host)
    lines += ["", "## Exit codes", "", "| code | meaning |", "|---:|---|"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in _EXIT_CODES.items()]
    return "\n".join(lines).strip()


def _verb(name: str, host: PluginHost) -> Iterator[str]:
    command: Command = resolve(host.commands[name])()
    parser = verb_parser(name, host.commands[name].summary, command)
    yield from ["", f"## posealign {name}", "", parser.description or ""]
    yield from _arguments(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for sub_name, sub_parser in action.choices.items():
                text = f"{helps[sub_name]}."
                yield from ["", f"### posealign {name} {sub_name}", ""]
                yield text[:1].upper() + text[1:]
                yield from _arguments(sub_parser)
    if command.examples:
        yield from ["", "```", *command.examples, "```"]


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    described = [a for a in parser._actions if a.help and not isinstance(a, argparse._HelpAction)]
    rows = [a for a in described if not isinstance(a, argparse._SubParsersAction)]
    if rows:
        yield from ["", "| argument | meaning |", "|---|---|"]
    for action in rows:
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        if action.option_strings and action.nargs != 0:
            name += f" {action.metavar or action.dest.upper()}"
        text = (action.help or "").replace("%%", "%").replace("|", "\\|")
        yield f"| `{name}` | {text} |"
