"""The objects of a scene: which there are, where, and what is known of each."""

from __future__ import annotations
