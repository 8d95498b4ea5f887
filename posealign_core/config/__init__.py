"""Presets with inheritance, read into strict dataclasses."""

from __future__ import annotations
