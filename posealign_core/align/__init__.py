"""PoseAlign: bring a scene into an ego pose by transform, prompt or embed."""

from __future__ import annotations
