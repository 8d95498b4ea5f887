"""The embedded benchmark: procedural rooms in the real on-disk formats."""

from __future__ import annotations
