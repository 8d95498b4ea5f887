"""The two training sets of Chat-Scene that no benchmark of the core is (specification 6.2)."""

from __future__ import annotations
