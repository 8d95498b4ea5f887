"""Presets of the Chat-Scene backbone: `<preset>.yaml` of its config, `runs/` of whole runs."""

from __future__ import annotations
