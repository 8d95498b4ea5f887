"""Refreshes the parts of the documentation that repeat the code; a test compares them with it.

    python docs/build_reference.py

In any page, what lies between `<!-- include: ... -->` and `<!-- end -->` is replaced by a file of
the repository, by one definition of it (`FILE#Class.method`), or by a generated list: `hooks`,
`checks`, `errors`, `cli` or `config`.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parent
ROOT = DOCS.parent
_INCLUDE = re.compile(r"(<!-- include: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LANGUAGES = {".py": "python", ".yaml": "yaml"}


def hooks() -> str:
    """Every hook with its exact signature and its docstring."""
    from posealign_core import hookspecs

    tree = ast.parse(inspect.getsource(hookspecs))
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("pose")]
    return "\n\n".join(
        f"## `{hook.name}`\n\n```py\n{_signature(hook)}\n```\n\n{_prose(hook)}" for hook in found
    )


def checks() -> str:
    """Every conformance check, by group."""
    from posealign_core.specs import BackboneSpec, BackboneTags
    from posealign_core.testing import backbone_checks
    from posealign_core.testing.suite import GROUPS

    claims = BackboneTags(
        modes=frozenset(), kinds=frozenset(), deterministic=False, batch_invariant=False
    )
    parts = dict.fromkeys(("encoder", "model", "config"), "none:none")
    claims_nothing = BackboneSpec(name="none", summary="", presets="none", tags=claims, **parts)
    lines = []
    for group in GROUPS:
        lines += [f"## {group}", "", "| check | what must hold | skipped if the backbone |"]
        lines += ["|---|---|---|"]
        for check in (check for check in backbone_checks() if check.group == group):
            reason = check.reason_to_skip(claims_nothing)
            lines.append(f"| `{check.name}` | {check.summary} | {reason} |")
        lines.append("")
    return "\n".join(lines).strip()


def errors() -> str:
    """Every exception, its built-in bases, exit code and meaning."""
    from posealign_core import errors as module

    rows = ["| error | is also | exit code | meaning |", "|---|---|---|---|"]
    for name in module.__all__:
        cls = getattr(module, name)
        if issubclass(cls, module.PoseAlignError):
            bases = [c.__name__ for c in cls.__mro__ if c.__module__ == "builtins"]
            also = ", ".join(b for b in bases if b not in {"Exception", "BaseException", "object"})
            meaning = (inspect.getdoc(cls) or "").partition("\n")[0]
            rows.append(f"| `{name}` | {also} | {int(cls.exit_code)} | {meaning} |")
    return "\n".join(rows)


def cli() -> str:
    """Every verb of the core with its arguments, and the exit codes."""
    from posealign_core.cli.document import cli_reference
    from posealign_core.host import build_host

    return cli_reference(build_host(entry_points=False))


def config() -> str:
    """Every key of a run's configuration."""
    from posealign_core.config.document import config_reference

    return config_reference()


GENERATED: dict[str, Callable[[], str]] = {
    "hooks": hooks,
    "checks": checks,
    "errors": errors,
    "cli": cli,
    "config": config,
}


def refreshed(page: str) -> str:
    """A page with what lies between its markers as the code has it now."""

    def current(match: re.Match[str]) -> str:
        start, source, end = match.groups()
        content = GENERATED[source]() if source in GENERATED else _code(source)
        return f"{start}{content}\n{end}"

    return _INCLUDE.sub(current, page)


def _code(source: str) -> str:
    file, _, symbol = source.partition("#")
    path = ROOT / file
    text = path.read_text(encoding="utf-8").strip()
    return f"```{_LANGUAGES[path.suffix]}\n{_definition(text, symbol) if symbol else text}\n```"


def _definition(code: str, symbol: str) -> str:
    """Source of a class, function or method, moved to the left margin."""
    node: ast.AST = ast.parse(code)
    for name in symbol.split("."):
        node = next(n for n in ast.iter_child_nodes(node) if getattr(n, "name", None) == name)
    if not isinstance(node, ast.ClassDef | ast.FunctionDef):
        raise TypeError(f"{symbol} is no class or function")
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return inspect.cleandoc("\n" + "\n".join(code.splitlines()[first - 1 : node.end_lineno]))


def _signature(hook: ast.FunctionDef) -> str:
    parameters = [f"{a.arg}: {ast.unparse(a.annotation)}" for a in hook.args.args if a.annotation]
    result = ast.unparse(hook.returns) if hook.returns else "None"
    line = f"def {hook.name}({', '.join(parameters)}) -> {result}"
    if len(line) <= 100:
        return line
    return f"def {hook.name}(\n" + "".join(f"    {p},\n" for p in parameters) + f") -> {result}"


def _prose(hook: ast.FunctionDef) -> str:
    """The docstring, its sections as lists."""
    text = ast.get_docstring(hook) or ""
    text = re.sub(r"^(Args|Returns):$", r"**\1**\n", text, flags=re.MULTILINE)
    text = re.sub(r"^    (\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    return re.sub(r"^ {4,8}(?=\S)", "", text, flags=re.MULTILINE)


def main() -> int:
    """Rewrite the pages that are out of date."""
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if refreshed(page) != page:
            path.write_text(refreshed(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
