"""The CPU side: samples to objects, words and identifiers."""

from __future__ import annotations
