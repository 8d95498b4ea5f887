from __future__ import annotations

import pytest

from posealign_core.config import load_backbone_config, run_presets
from posealign_core.config.load import load_run_config
from posealign_core.host import build_host
from posealign_core.vocabulary import AlignMode, EgoFrame
from posealign_ll3da_sonata.plugin import SPEC
from posealign_ll3da_sonata.ptv3 import BASE, SMALL
from posealign_ll3da_sonata.ptv3.upcasting import upcast_width

DATA = {"dataset.name": "scannet", "dataset.root": "scans"}
MODES = {
    "baseline": None,
    "transform-top": "transform",
    "transform-clip-03": "transform",
    "transform-position-top": "transform",
    "embed-top": "embed",
    "prompt-top": "prompt",
}


def test_every_run_is_listed():
    assert {name for name in run_presets(SPEC) if not name.startswith("demo/")} == set(MODES)


@pytest.mark.parametrize("name", MODES)
def test_a_run(name: str):
    made = load_run_config(build_host(), preset=f"ll3da_sonata/{name}", values=DATA, files=())
    config, backbone, mode = made.config, made.backbone, MODES[name]
    assert config.align.modes == ({AlignMode(mode)} if mode else frozenset())
    assert bool(backbone.captioner.n_ego_features) is (mode == "embed")
    assert backbone.captioner.token_position is ("position" in name)
    assert backbone.captions == "click"
    level = name in ("transform-top", "transform-position-top")
    assert (config.align.ego_frame is EgoFrame.LEVEL) is level


def test_the_recipe_is_that_of_ll3da():
    host = build_host()
    mine, theirs = (
        load_run_config(host, preset=f"{name}/baseline", values=DATA, files=()).config
        for name in ("ll3da_sonata", "ll3da")
    )
    assert mine.train == theirs.train


def test_the_published_encoders():
    base, small = (load_backbone_config(SPEC, f"opt-1.3b{size}") for size in ("", "-small"))
    for config, published, width in ((base, BASE, 1088), (small, SMALL, 896)):
        sizes = config.encoder
        assert (sizes.depths, sizes.channels) == (published.depths, published.channels)
        assert sizes.n_heads == published.n_heads
        assert upcast_width(sizes, config.tokens.n_joined) == width
    stage4 = load_backbone_config(SPEC, "opt-1.3b-stage4")
    assert upcast_width(stage4.encoder, stage4.tokens.n_joined) == 512
