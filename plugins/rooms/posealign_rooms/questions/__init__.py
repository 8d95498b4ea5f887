"""What can be asked about a room: items by family, their wording, and their choice."""

from __future__ import annotations
