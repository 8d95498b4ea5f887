"""Reports: tables, plots and sample questions of one or several runs, as one HTML page."""

from __future__ import annotations
