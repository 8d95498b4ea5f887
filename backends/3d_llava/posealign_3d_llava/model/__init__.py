"""The network of 3D-LLaVA, from points to losses; key names and shapes as published."""

from __future__ import annotations
