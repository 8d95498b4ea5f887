"""Words around the scene: tokenizers, wordings, and how an answer is decoded."""

from __future__ import annotations
