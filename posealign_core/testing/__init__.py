"""The conformance kit for backbones."""

from __future__ import annotations
