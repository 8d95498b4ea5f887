"""`posealign chat-scene export`: write a trained Chat-Scene as its authors publish it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from posealign_core.cli.config_source import add_run_arguments, open_run, trained_backbone
from posealign_core.cli.jobs import add_job

if TYPE_CHECKING:
    import argparse

    from posealign_chat_scene.backbone import ChatSceneBackbone
    from posealign_core.host import PluginHost

__all__ = ["add_export"]

_BACKBONE = "chat_scene"


def add_export(jobs: Any) -> None:
    """Declare the job."""
    parser = add_job(jobs, "export", "write a run's weights as a published checkpoint", _export)
    add_run_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="the .pth file to write")


def _export(args: argparse.Namespace, host: PluginHost) -> int:
    from posealign_chat_scene.checkpoints.published import export_published

    trained = trained_backbone(open_run(args, host), _BACKBONE, verb="chat-scene export")
    backbone = cast("ChatSceneBackbone", trained)
    export_published(backbone, args.out)
    print(f"wrote {args.out}")  # noqa: T201 - a verb of the command line
    return 0
