"""Makes the tiny weights: a model that knows rooms, words and coordinates, but no directions.

Rooms of the plugin `rooms` are scanned and asked about with questions that every viewpoint answers
alike; what left or behind means is left to tuning::

    python -m posealign_ll3da.pretraining draw rooms.npz --rooms 16000 --jobs 16
    python -m posealign_ll3da.pretraining train rooms.npz weights/tiny.safetensors --device cuda
"""

from __future__ import annotations
