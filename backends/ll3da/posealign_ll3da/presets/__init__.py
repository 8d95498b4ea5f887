"""Presets of the LL3DA backbone: sizes beside this file, whole runs in `runs/`."""

from __future__ import annotations
