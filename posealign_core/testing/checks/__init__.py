"""The checks, one file per group; `posealign_core.testing.suite` finds and runs them."""

from __future__ import annotations
