"""Reading published weights, and copying them over those of a model."""

from __future__ import annotations
