"""The training recipe: what is learnt from, what decays, and what it costs."""

from __future__ import annotations
