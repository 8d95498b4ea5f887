"""Neural blocks that two or more backbones share."""

from __future__ import annotations
