"""Hook names and parameters are a promise to plugins; changing one is a decision, made here too."""

from __future__ import annotations

import ast
import inspect

from posealign_core import hookspecs
from posealign_core.host import PluginHost, build_host

HOOKS = {
    "posealign_register_backbones": ("register",),
    "posealign_register_datasets": ("register",),
    "posealign_register_benchmarks": ("register",),
    "posealign_register_selectors": ("register",),
    "posealign_register_judges": ("register",),
    "posealign_register_engines": ("register",),
    "posealign_register_probes": ("register",),
    "posealign_register_commands": ("register",),
    "posealign_recover_pose": (
        "query",
        "scene",
        "trajectory",
        "visibility",
        "selector",
        "rng",
    ),
    "posealign_transform": ("backbone", "sample", "pose"),
    "posealign_prompt": ("backbone", "sample", "pose"),
    "posealign_embed": ("backbone", "coords", "pose"),
}


def _specified():
    names = [name for name in vars(hookspecs) if name.startswith("posealign_")]
    return {name: tuple(inspect.signature(getattr(hookspecs, name)).parameters) for name in names}


def test_names_and_parameters():
    assert _specified() == HOOKS


def test_every_hook_is_documented_in_place():
    assert all(inspect.getdoc(getattr(hookspecs, name)) for name in HOOKS)


def test_every_hook_has_a_test_named_after_it(root):
    tree = ast.parse((root / "tests" / "test_hooks.py").read_text(encoding="utf-8"))
    tested = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {f"test_{name}" for name in HOOKS} <= tested


def test_every_hook_has_a_first_party_user():
    used = {hook for info in build_host().plugins() for hook in info.hooks}
    nobody_yet = {"posealign_register_judges"}  # the judges are plugins of their own
    assert HOOKS.keys() - used <= nobody_yet


def test_every_pose_hook_has_a_typed_front():
    for name, parameters in HOOKS.items():
        if not name.startswith("posealign_register_"):
            front = inspect.signature(getattr(PluginHost, name.removeprefix("posealign_")))
            assert tuple(front.parameters)[1:] == parameters
