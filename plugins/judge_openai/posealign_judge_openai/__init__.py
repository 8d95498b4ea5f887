"""A judge behind any OpenAI-compatible server."""

from __future__ import annotations
