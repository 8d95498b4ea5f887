"""Presets of the template backbone."""

from __future__ import annotations
