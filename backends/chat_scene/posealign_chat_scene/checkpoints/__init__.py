"""Weights on disk, in the layout that the authors published."""

from __future__ import annotations
