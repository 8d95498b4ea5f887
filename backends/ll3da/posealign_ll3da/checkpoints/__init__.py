"""Weights on disk: the detector alone, the published layout, and the shipped tiny ones."""

from __future__ import annotations
