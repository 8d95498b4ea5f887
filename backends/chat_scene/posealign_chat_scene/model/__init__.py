"""The network: two projections, a position channel, identifiers, and a LLaMA."""

from __future__ import annotations
