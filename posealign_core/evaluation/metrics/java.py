"""Programs of pycocoevalcap's jars, each in a process of its own that cannot hang the caller."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.errors import PoseAlignError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["JavaError", "one_line", "run_jar"]

# Everything that a Java program or Python may take for the end of a line, and halves of characters.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class JavaError(PoseAlignError):
    """Java, or a jar, is missing, failed, or took too long; the metric is then not computed."""


def one_line(text: str) -> str:
    """Put a text on one line, without control characters."""
    return _BREAKS.sub(" ", text)


def run_jar(
    jar: str, arguments: Sequence[str], lines: Sequence[str], timeout_s: float
) -> list[str]:
    """Give a program lines, and take as many back.

    Args:
        jar: Path of the jar below pycocoevalcap's folder.
        arguments: Of `java`; `"{jar}"` stands for the jar.
        lines: What it reads, without line breaks.
        timeout_s: After so many seconds it is ended.

    Raises:
        JavaError: There is no Java or no jar, or the program failed, took too long, or did not
            answer each line with one line.
    """
    java, path = shutil.which("java"), _find(jar)
    if java is None:
        raise JavaError("wanted Java, found no 'java' on the path; install a Java runtime")
    command = [java, "-Xmx2G", "-Dfile.encoding=UTF-8", *(a.format(jar=path) for a in arguments)]
    text = "".join(f"{line}\n" for line in lines).encode()
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours
            command, check=False, input=text, capture_output=True, timeout=timeout_s
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise JavaError(f"{path.name}: {error}"[:300]) from error
    answers = done.stdout.decode(errors="replace").removesuffix("\n").split("\n")
    if done.returncode != 0 or len(answers) != len(lines):
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise JavaError(
            f"{path.name}: wanted {len(lines)} lines, found {len(answers)} and exit status "
            f"{done.returncode} ({''.join(said)[:200]})"
        )
    return answers


def _find(jar: str) -> Path:
    spec = importlib.util.find_spec("pycocoevalcap")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / jar
        if path.is_file():
            return path
    raise JavaError(f"wanted {jar} of pycocoevalcap, found none; 'pip install pycocoevalcap'")
