"""Makes the tiny weights: a model that knows rooms, words and objects, but no directions."""

from __future__ import annotations
