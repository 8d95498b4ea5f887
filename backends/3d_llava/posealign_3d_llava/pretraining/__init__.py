"""Makes the tiny weights: a model that knows rooms, words and coordinates, but no directions.

Rooms of the plugin `rooms` are scanned and asked about with questions that every viewpoint answers
alike; what left or behind means is left to LoRA tuning. First the tower learns what superpoints
are, then, with the U-Net frozen and its output kept, everything else learns to answer::

    python -m posealign_3d_llava.pretraining draw rooms.npz --rooms 20000 --jobs 16
    python -m posealign_3d_llava.pretraining train rooms.npz tiny.safetensors --device cuda
"""

from __future__ import annotations
