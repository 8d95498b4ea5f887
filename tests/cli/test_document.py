from __future__ import annotations

import pytest

from posealign_core.cli.document import cli_reference
from posealign_core.config.document import config_reference, walk_fields
from posealign_core.config.schema import RunConfig
from posealign_core.host import build_host


def test_reference_names_keys_and_verbs() -> None:
    assert "| `train.lora_rank` | a whole number | `16` |" in config_reference()
    assert "| `dataset.root` | a path | required |" in config_reference()
    page = cli_reference(build_host(entry_points=False))
    assert "### posealign config show\n\nEvery value and where it was set." in page
    assert "| `-o KEY=VALUE` |" in page
    assert "| 130 | interrupted" in page


def test_every_key_is_explained() -> None:
    lacking = [row.key for row in walk_fields(RunConfig) if not row.text]
    assert lacking == []


@pytest.mark.parametrize("verb", [spec.name for spec in build_host(entry_points=False).commands])
def test_every_verb_has_examples(verb: str) -> None:
    page = cli_reference(build_host(entry_points=False))
    section = page.partition(f"## posealign {verb}\n")[2].partition("\n## ")[0]
    assert f"\nposealign {verb}" in section.partition("```")[2] or verb == "plugins"
