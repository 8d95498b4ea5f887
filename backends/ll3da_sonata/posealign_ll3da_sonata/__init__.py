"""LL3DA over a frozen Sonata encoder, with PoseAlign."""

from __future__ import annotations
