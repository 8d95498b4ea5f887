"""Runs: the folder, its record, and the stages from recovery to scores, each resumable."""

from __future__ import annotations
