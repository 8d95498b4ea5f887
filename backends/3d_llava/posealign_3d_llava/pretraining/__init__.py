"""Makes the tiny weights: a model that knows rooms, words and objects, but no directions.

Rooms of the plugin `rooms` are drawn, scanned and asked about while training goes on, with
questions that every viewpoint answers alike; what left or behind means is left to LoRA tuning::

    python -m posealign_3d_llava.pretraining train tiny.safetensors --device cuda --workers 16
"""

from __future__ import annotations
