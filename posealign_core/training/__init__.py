"""LoRA training on transformers and peft."""

from __future__ import annotations
