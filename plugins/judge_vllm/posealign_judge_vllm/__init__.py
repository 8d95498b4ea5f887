"""A judge in this process, through vLLM."""

from __future__ import annotations
