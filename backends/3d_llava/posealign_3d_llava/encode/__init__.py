"""From aligned samples to CPU tensors: geometry, words, targets, batches."""

from __future__ import annotations
