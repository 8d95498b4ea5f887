"""Weights on disk, in the layouts that the authors published."""

from __future__ import annotations
