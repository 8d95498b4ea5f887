"""The tutorial's backbone: a tiny language model over object tokens."""

from __future__ import annotations
