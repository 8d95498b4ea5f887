"""Answers through vLLM: many prompts at once, in a process and an environment of its own."""

from __future__ import annotations
