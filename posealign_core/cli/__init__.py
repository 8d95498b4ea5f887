"""The command line: one file per verb, argument parsing and messages only."""

from __future__ import annotations
