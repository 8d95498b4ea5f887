"""What the template backbone registers."""

from __future__ import annotations
