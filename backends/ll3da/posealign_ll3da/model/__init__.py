"""LL3DA's network: detector, prompts, Q-Former and language model (ll3da sections 2 to 4)."""

from __future__ import annotations
