"""A plugin that registers with the first host only."""

from __future__ import annotations

from toy_plugin import spec

from posealign_core.hookspecs import hookimpl

_registered = []


@hookimpl
def posealign_register_backbones(register):
    if not _registered:
        _registered.append(True)
        register(spec("toy-once"))
