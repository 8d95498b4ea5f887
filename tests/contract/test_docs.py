"""What the documentation repeats is what the code says."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re

import pytest

from posealign_core import errors, hookspecs
from posealign_core.testing import backbone_checks


@pytest.fixture(scope="module")
def builder(root):
    spec = importlib.util.spec_from_file_location(
        "build_reference", root / "docs/build_reference.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(root):
    return {p.relative_to(root).as_posix(): p.read_text() for p in (root / "docs").rglob("*.md")}


def test_included_parts_are_up_to_date(builder, pages):
    stale = [name for name, page in pages.items() if builder.refreshed(page) != page]
    assert stale == [], "run: python docs/build_reference.py"


def test_the_builder_replaces_what_is_stale(builder):
    page = "a\n<!-- include: errors -->\nold\n<!-- end -->\nb\n"
    fresh = builder.refreshed(page)
    assert "\nold\n" not in fresh
    assert "`JudgeError`" in fresh
    assert builder.refreshed(fresh) == fresh


def test_every_hook_has_a_heading_and_its_exact_signature(pages):
    page = pages["docs/reference/hooks.md"]
    headings = re.findall(r"^## `(posealign_\w+)`$", page, flags=re.MULTILINE)
    specified = [name for name in vars(hookspecs) if name.startswith("posealign_")]
    assert headings == specified
    for name in specified:
        shown = re.search(rf"^def {name}\(([^)]*)\) -> (.+)$", page, flags=re.MULTILINE)
        signature = inspect.signature(getattr(hookspecs, name))
        wanted = [f"{p.name}: {p.annotation}" for p in signature.parameters.values()]
        assert re.split(r",\s*", shown[1].strip().rstrip(",")) == wanted
        assert shown[2] == signature.return_annotation


def test_every_check_and_error_is_named(pages):
    for check in backbone_checks():
        assert f"| `{check.name}` | {check.summary} |" in pages["docs/reference/conformance.md"]
    for name in errors.__all__:
        if issubclass(getattr(errors, name), errors.PoseAlignError):
            assert f"| `{name}` |" in pages["docs/reference/errors.md"]


def test_python_examples_of_the_hooks_page_run(pages):
    examples = re.findall(r"^```python\n(.*?)^```", pages["docs/reference/hooks.md"], re.M | re.S)
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "hooks.md", "exec"), {})


def test_python_examples_parse(pages):
    for name, page in pages.items():
        for example in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S):
            try:
                ast.parse(example)
            except SyntaxError as error:
                pytest.fail(f"{name}: {error}:\n{example}")


def test_links_between_pages_lead_somewhere(pages, root):
    broken = [
        f"{name}: {target}"
        for name, page in pages.items()
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page)
        if not (root / name).parent.joinpath(target).exists()
    ]
    assert broken == []
