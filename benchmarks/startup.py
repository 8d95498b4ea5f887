"""How long `posealign --help` and `posealign list backbones` take, beside an empty interpreter.

    python benchmarks/startup.py [--runs 15]

Exits with 1 when the median of `--help` is 0.3 s or more.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LIMIT_S = 0.3
START = [sys.executable, "-m", "posealign_core.cli.main"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "posealign --help": [*START, "--help"],
    "posealign list backbones": [*START, "list", "backbones"],
    "posealign plugins": [*START, "plugins"],
}


def seconds_of(command: list[str]) -> float:
    """Wall time of one run of a command."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    """Measure each command in turn, so that a busy moment strikes all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=15, help="runs of each command (default: 15)")
    n_runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(n_runs):
        for name, command in COMMANDS.items():
            seconds[name].append(seconds_of(command))
    empty = statistics.median(seconds["python -c pass"])
    print(f"{'command':<26}{'median s':>10}{'fastest s':>11}{'x empty':>9}   ({n_runs} runs)")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"{name:<26}{median:>10.3f}{min(runs):>11.3f}{median / empty:>9.1f}")
    return int(statistics.median(seconds["posealign --help"]) >= LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
