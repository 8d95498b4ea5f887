"""Chat-Scene with PoseAlign: a language model over objects, each with an identifier of its own."""

from __future__ import annotations
