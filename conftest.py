"""What holds for every test of the repository."""

from __future__ import annotations

from hypothesis import settings

# Compiling a kernel or a busy machine makes a first example slow; that is no fault of the code.
settings.register_profile("posealign", deadline=None)
settings.load_profile("posealign")
