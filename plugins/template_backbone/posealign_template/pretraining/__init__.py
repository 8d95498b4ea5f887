"""Makes the base weights: a model that knows objects, words and coordinates, but no directions.

Symbolic rooms of the plugin `rooms` are asked about with questions that every viewpoint answers
alike, and with questions about coordinates; what left or behind means is left to LoRA tuning::

    python -m posealign_template.pretraining draw rooms.npz --rooms 100000 --jobs 16
    python -m posealign_template.pretraining train rooms.npz weights/base.safetensors --device cuda
"""

from __future__ import annotations
