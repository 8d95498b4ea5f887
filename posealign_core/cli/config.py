"""`posealign config`: what is set, where it came from, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.config_source import add_config_arguments, read_config

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class ConfigCommand(Command):
    """Lists, shows, checks and copies configurations."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign config list",
        "posealign config show --preset template/demo/transform -o dataset.root=demo",
        "posealign config copy template/demo/transform mine.yaml",
        "posealign config validate --config mine.yaml",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the actions."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="presets of all backbones")
        listing.add_argument("--json", action="store_true", help="print JSON")
        show = actions.add_parser("show", help="every value and where it was set")
        add_config_arguments(show)
        show.add_argument("--json", action="store_true", help="print JSON")
        add_config_arguments(actions.add_parser("validate", help="name every fault at once"))
        copy = actions.add_parser("copy", help="write a run preset as one file, to edit")
        copy.add_argument("preset", metavar="BACKBONE/NAME", help="the run preset")
        copy.add_argument("file", metavar="FILE", type=Path, help="the file to write")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Do the action."""
        if args.action == "list":
            return _list(host, as_json=args.json)
        if args.action == "show":
            return _show(args, host)
        if args.action == "copy":
            return _copy(args, host)
        resolved = read_config(args, host)
        print(f"valid: {len(resolved.origins)} values, digest {resolved.digest[:8]}")
        return 0


def _list(host: PluginHost, *, as_json: bool) -> int:
    from posealign_core.config.presets import backbone_presets, run_presets

    rows = {
        spec.name: {"presets": backbone_presets(spec), "runs": run_presets(spec)}
        for spec in host.backbones
    }
    if as_json:
        print(json.dumps(rows, indent=2))
        return 0
    for name, presets in rows.items():
        print(f"{name}  (backbone presets: {', '.join(presets['presets'])})")
        for run in presets["runs"]:
            print(f"  {name}/{run}")
    return 0


def _show(args: argparse.Namespace, host: PluginHost) -> int:
    from posealign_core.config.convert import to_plain
    from posealign_core.config.files import flatten

    resolved = read_config(args, host)
    plain = to_plain(resolved.config)
    if args.json:
        origins = dict(resolved.origins)
        print(
            json.dumps({"config": plain, "origins": origins, "digest": resolved.digest}, indent=2)
        )
        return 0
    lines = {key: f"{key} = {json.dumps(value)}" for key, value in flatten(plain).items()}
    width = min(72, max(map(len, lines.values())))
    for key, line in lines.items():
        print(f"{line:<{width}}  # {resolved.origins[key]}")
    print(f"digest {resolved.digest[:8]}")
    return 0


def _copy(args: argparse.Namespace, host: PluginHost) -> int:
    import yaml

    from posealign_core.atomic import write_text
    from posealign_core.config.files import read_layer
    from posealign_core.config.merge import merge
    from posealign_core.config.presets import run_preset_path
    from posealign_core.errors import ConfigError

    backbone, _, name = args.preset.partition("/")
    layer = read_layer(run_preset_path(host.backbones[backbone], name))
    if args.file.exists():
        raise ConfigError(["the file exists; choose another name"], source=str(args.file))
    values = merge({"backbone": {"name": backbone}}, layer.values)
    header = (
        f"# A copy of the run preset {args.preset}; docs/reference/config.md explains the keys.\n"
    )
    write_text(args.file, header + yaml.safe_dump(values, sort_keys=False))
    print(f"{args.file}: edit it, then run 'posealign config validate --config {args.file}'")
    return 0


command = ConfigCommand
