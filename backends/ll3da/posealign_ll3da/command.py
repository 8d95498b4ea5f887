"""`posealign ll3da`: write a trained LL3DA for others to read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from posealign_core.cli.config_source import add_run_arguments, open_run, trained_backbone
from posealign_core.cli.jobs import JobsCommand, add_job

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost
    from posealign_ll3da.backbone import Ll3daBackbone

__all__ = ["Ll3daCommand", "command"]


class Ll3daCommand(JobsCommand):
    """One job: the trained weights of a run as one file."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign ll3da export --run runs/transform-top-1a2b3c4d --out ll3da-opt-1.3b.pth",
        "posealign ll3da export --run runs/transform-top-1a2b3c4d --out whole.safetensors",
    )

    def add_jobs(self, jobs: Any) -> None:
        """Declare the job."""
        parser = add_job(jobs, "export", "write a run's weights as a published checkpoint", _export)
        add_run_arguments(parser)
        parser.add_argument(
            "--out",
            type=Path,
            required=True,
            help="file to write: .pth without the language model, as published; .safetensors with "
            "it, adapters folded in",
        )


def _export(args: argparse.Namespace, host: PluginHost) -> int:
    from posealign_core.errors import ConfigError
    from posealign_ll3da.checkpoints.published import export_published, export_whole

    layouts = {".pth": export_published, ".safetensors": export_whole}
    if args.out.suffix not in layouts:
        fault = f"--out {args.out}: wanted a name that ends in {' or '.join(layouts)}"
        raise ConfigError([fault], source="posealign ll3da export")
    trained = trained_backbone(open_run(args, host), "ll3da", verb="ll3da export")
    layouts[args.out.suffix](cast("Ll3daBackbone", trained).network, args.out)
    print(f"wrote {args.out}")  # noqa: T201 - a verb of the command line
    return 0


command = Ll3daCommand
