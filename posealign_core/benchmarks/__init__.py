"""Readers of queries: ScanRefer, Multi3DRefer, Nr3D, ScanQA, SQA3D, Scan2Cap."""

from __future__ import annotations
