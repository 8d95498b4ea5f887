from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tokenizers.processors import TemplateProcessing

from posealign_core.errors import ConfigError, DataError
from posealign_core.language.tokenizers import toy_tokenizer
from posealign_ll3da.tokenizer import load_tokenizers

from .samples import tiny

if TYPE_CHECKING:
    from pathlib import Path

END = "</s>"


def write_opt_like(folder: Path) -> None:
    """Byte-level pieces and a configuration that asks for a mark before every text, as OPT's."""
    entries = dict.fromkeys(["<s>", "<pad>", END, "<unk>", *map(chr, range(33, 127)), "Ġ"])
    (folder / "vocab.json").write_text(json.dumps({e: i for i, e in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {
        "tokenizer_class": "GPT2Tokenizer", "unk_token": END, "bos_token": END, "eos_token": END,
        "pad_token": "<pad>", "add_bos_token": True,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps({"model_type": "opt"}))


def test_nothing_stands_before_a_text_and_the_end_mark_pads(tmp_path: Path):
    write_opt_like(tmp_path)
    llm = load_tokenizers(tiny(tokenizer=str(tmp_path), qformer_tokenizer=str(tmp_path))).llm
    ids = llm(f"a b {END}")["input_ids"]
    assert llm.convert_ids_to_tokens(ids) == ["a", "Ġ", "b", "Ġ", END]
    assert llm.pad_token == llm.eos_token == END


def test_a_tokenizer_that_insists_on_its_mark_is_refused(tmp_path: Path, monkeypatch):
    stubborn = toy_tokenizer(["room"])
    mark = ("<s>", stubborn.bos_token_id)
    stubborn.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[mark]
    )
    monkeypatch.setattr("posealign_ll3da.tokenizer._load", lambda folder, **_: stubborn)
    with pytest.raises(DataError, match="no mark before a text"):
        load_tokenizers(tiny(tokenizer=str(tmp_path), qformer_tokenizer=str(tmp_path)))


def test_a_folder_without_tokenizer_and_one_folder_of_two(tmp_path: Path):
    with pytest.raises(DataError, match="wanted a tokenizer, found none"):
        load_tokenizers(tiny(tokenizer=str(tmp_path), qformer_tokenizer=str(tmp_path)))
    with pytest.raises(ConfigError, match="both folders or neither"):
        load_tokenizers(tiny(tokenizer=str(tmp_path)))
