"""The training recipe: which samples share a batch, and what it costs."""

from __future__ import annotations
