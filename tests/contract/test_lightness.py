"""Help, listings and registration must not pay for arrays and networks."""

from __future__ import annotations

import json
import subprocess
import sys

from posealign_core.host import build_host

PROGRAM = """
import contextlib, io, json, sys
from posealign_core.cli.main import main

heavy = {"numpy", "torch", "transformers", "peft", "numba", "scipy", "mmengine", "matplotlib"}
culprits = {}
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main(arguments)
    if found := sorted(heavy & set(sys.modules)):
        culprits[" ".join(arguments)] = found
        heavy -= set(found)
print(json.dumps(culprits))
"""


def _culprits(command_lines: list[list[str]], program: str = PROGRAM) -> dict[str, list[str]]:
    """Which command line of a fresh interpreter first imports which heavy package."""
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(command_lines)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_help_and_listings_are_light():
    kinds = ("backbones", "benchmarks", "commands", "datasets", "judges", "selectors")
    listings = [["list", kind, "--json"] for kind in kinds]
    assert _culprits([["--help"], ["--version"], *listings, ["plugins"]]) == {}


def test_help_of_every_verb_is_light():
    verbs = [spec.name for spec in build_host().commands]
    assert _culprits([[verb, "--help"] for verb in verbs]) == {}


def test_the_probe_sees_a_heavy_import():
    found = _culprits([["--help"]], "import numpy\n" + PROGRAM)
    assert found == {"--help": ["numpy"]}


def test_the_startup_benchmark_measures_each_command(root):
    script = root / "benchmarks" / "startup.py"
    done = subprocess.run(
        [sys.executable, script, "--runs", "1"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    names = [line[:26].strip() for line in done.stdout.splitlines()[1:]]
    assert names[:3] == ["python -c pass", "posealign --help", "posealign list backbones"]
