"""Configuration: YAML presets with inheritance, then strict frozen dataclasses.

A backbone ships two kinds of presets in the package that its spec names:

- `<preset>.yaml`: fields of the backbone's own config dataclass (`tiny.yaml` must exist);
- `runs/<name>.yaml`, nested folders allowed: sections of `RunConfig` (a recipe: `align`, `train`,
  `evaluate`, ...), called `backbone/name` on the command line. `posealign demo` runs those in
  `runs/demo/`, one per alignment: `baseline.yaml`, `transform.yaml`, ...

Both may inherit (`_base_: ./other.yaml`); a file whose name starts with `_` only serves as a base.
"""

from __future__ import annotations

from posealign_core.config.backbone import load_backbone_config
from posealign_core.config.presets import backbone_presets, run_presets

__all__ = ["backbone_presets", "load_backbone_config", "run_presets"]
