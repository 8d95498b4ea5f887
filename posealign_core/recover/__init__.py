"""PoseRecover: which camera of the scan sees what, and which of them a query was asked from."""

from __future__ import annotations
