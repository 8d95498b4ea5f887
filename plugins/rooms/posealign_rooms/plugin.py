"""What the rooms plugin registers."""

from __future__ import annotations
