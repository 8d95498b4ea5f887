"""The training recipe: schedule and weight decay as published."""

from __future__ import annotations
