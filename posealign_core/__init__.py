"""posealign: direction-aware 3-D large multimodal models."""

from __future__ import annotations

__version__ = "0.1.0"
