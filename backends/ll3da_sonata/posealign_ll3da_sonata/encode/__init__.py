"""From aligned samples to voxels and words."""

from __future__ import annotations
