"""Presets of the LL3DA-SONATA backbone: sizes beside this file, whole runs in `runs/`."""

from __future__ import annotations
