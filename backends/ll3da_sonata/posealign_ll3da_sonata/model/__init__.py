"""From the encoder's stages to scene tokens, and the whole network."""

from __future__ import annotations
