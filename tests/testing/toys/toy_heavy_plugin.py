"""A plugin that imports numpy when it is listed."""

from __future__ import annotations

import numpy as np
from toy_plugin import spec

from posealign_core.hookspecs import hookimpl


@hookimpl
def posealign_register_backbones(register):
    register(spec("toy-heavy", summary=f"a toy that needs numpy {np.__version__} to say so"))
