"""Presets of the 3D-LLaVA backbone: sizes beside this file, whole runs in `runs/`."""

from __future__ import annotations
