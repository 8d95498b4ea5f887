"""Tables, plots and pages."""

from __future__ import annotations
