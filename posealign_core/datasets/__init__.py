"""Readers of scenes and trajectories on disk."""

from __future__ import annotations
