"""Readers of queries: ScanRefer, Multi3DRefer, Nr3D, ScanQA, SQA3D, Scan2Cap and its like."""

from __future__ import annotations
