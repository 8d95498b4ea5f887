"""LL3DA with PoseAlign: a detector, a Q-Former and OPT."""

from __future__ import annotations
