"""Grading of free-form answers."""

from __future__ import annotations
