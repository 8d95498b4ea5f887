"""The arguments by which several verbs take their configuration."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from posealign_core.backbone import Backbone
    from posealign_core.config.load import ResolvedConfig
    from posealign_core.host import PluginHost
    from posealign_core.runs.run import Run

__all__ = [
    "add_benchmark_argument",
    "add_config_arguments",
    "add_run_arguments",
    "open_folder",
    "open_run",
    "read_config",
    "trained_backbone",
]


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--preset`, `--config` and `-o`."""
    parser.add_argument(
        "--preset", metavar="BACKBONE/NAME", help="a run preset; 'posealign config list' names them"
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a YAML file; wins over the preset, and a later file over an earlier one",
    )
    parser.add_argument(
        "-o",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="one value, like align.selector.ratio=0.2; wins over all files",
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the above and `--run`."""
    parser.add_argument(
        "--run", metavar="DIR", type=Path, help="continue this run folder with its own config.yaml"
    )
    add_config_arguments(parser)


def add_benchmark_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--benchmarks`."""
    parser.add_argument(
        "--benchmarks", metavar="NAME", nargs="+", help="only these, instead of the configured ones"
    )


def read_config(args: argparse.Namespace, host: PluginHost) -> ResolvedConfig:
    """Resolve what `add_config_arguments` declared."""
    from posealign_core.config.load import load_run_config

    return load_run_config(host, preset=args.preset, files=args.config, overrides=args.overrides)


def open_run(args: argparse.Namespace, host: PluginHost) -> Run:
    """Begin or continue the run that `add_run_arguments` describes.

    Raises:
        ConfigError: `--run` came together with arguments that would change its configuration, or
            the configuration has faults.
    """
    from posealign_core.errors import ConfigError
    from posealign_core.runs.folder import RunFolder
    from posealign_core.runs.run import Run

    if args.run is None:
        resolved = read_config(args, host)
        folder = RunFolder(resolved.config.output.root / resolved.name)
        return Run(host, resolved, folder, _command(args))
    if args.preset or args.config or args.overrides:
        fault = "--run takes the folder's own config.yaml; leave out --preset, --config and -o"
        raise ConfigError([fault], source=str(args.run))
    return open_folder(args.run, host)


def open_folder(path: Path, host: PluginHost) -> Run:
    """Continue the run in a folder, as its own `config.yaml` says.

    Raises:
        ConfigError: The folder holds no configuration, or one with faults.
    """
    from posealign_core.config.load import load_run_config
    from posealign_core.runs.folder import RunFolder
    from posealign_core.runs.run import Run

    folder = RunFolder(path)
    resolved = load_run_config(host, files=[folder.config_path])
    return Run(host, resolved, folder, shlex.join(["posealign", "run", "--run", str(path)]))


def _command(args: argparse.Namespace) -> str:
    """The command line that does the whole run again."""
    words = ["posealign", "run"]
    words += ["--preset", args.preset] if args.preset else []
    for file in args.config:
        words += ["--config", str(file)]
    for override in args.overrides:
        words += ["-o", override]
    return shlex.join(words)


def trained_backbone(run: Run, name: str, *, verb: str) -> Backbone:
    """The backbone of a run as its finished training left it, for a verb that writes it elsewhere.

    Args:
        run: The run.
        name: Name of the backbone that the verb can write.
        verb: The verb, for errors.

    Raises:
        ConfigError: The run is of another backbone.
        DataError: It has no finished training.
    """
    from posealign_core.errors import ConfigError
    from posealign_core.training.checkpoint import load_checkpoint

    if run.config.backbone.name != name:
        fault = f"backbone.name = {run.config.backbone.name!r}: wanted {name!r}"
        raise ConfigError([fault], source=f"posealign {verb}")
    backbone = run.materials.model()[1]
    load_checkpoint(backbone, run.folder.checkpoints / "final")
    return backbone
