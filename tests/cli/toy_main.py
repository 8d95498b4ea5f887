"""`posealign` with the toy plugin and no installed ones, as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "training")]

from toy_run import make_host  # noqa: E402 - the path comes first

from posealign_core.cli import main as main_module  # noqa: E402
from posealign_core.runs.run import Run  # noqa: E402


def _die_once(marker: Path) -> None:
    """The first process that gets as far as answering is killed there, as by `kill -9`."""
    predict = Run.predict

    def predict_or_die(self: Run, benchmark: str, *, trained: bool = True) -> bool:
        if not marker.exists() and "transform" in self.folder.path.name:
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return predict(self, benchmark, trained=trained)

    Run.predict = predict_or_die  # type: ignore[method-assign]


if __name__ == "__main__":
    main_module.build_host = make_host
    if "TOY_DIES_AT" in os.environ:
        _die_once(Path(os.environ["TOY_DIES_AT"]))
    sys.exit(main_module.main())
