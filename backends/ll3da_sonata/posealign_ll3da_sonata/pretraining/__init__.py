"""Makes the tiny weights, in two stages, from rooms that LL3DA's tiny weights learn from as well.

First encoder and adapter learn that each scene token tells kind, colour and box of what it stands
on; then they stay, and the captioner learns to answer. What left or behind means is left to
tuning::

    python -m posealign_ll3da_sonata.pretraining draw rooms.npz --rooms 12000 --jobs 16
    python -m posealign_ll3da_sonata.pretraining train rooms.npz tiny.safetensors --device cuda
"""

from __future__ import annotations
