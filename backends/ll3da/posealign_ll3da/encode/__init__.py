"""From aligned samples to CPU tensors: clouds, boxes, visual prompts, words, batches."""

from __future__ import annotations
