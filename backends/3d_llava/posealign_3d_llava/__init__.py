"""3D-LLaVA: a superpoint transformer in front of a language model."""

from __future__ import annotations
