from __future__ import annotations

import pytest

from posealign_3d_llava.model.special_tokens import SEG_TOKEN
from posealign_3d_llava.tokenizer import load_tokenizer
from posealign_core.errors import DataError

from .tokenizers_for_tests import llama_like_tokenizer


def test_known_words_are_one_token_and_others_are_spelled():
    tokenizer = load_tokenizer(None)
    known = tokenizer("the red chair", add_special_tokens=False)["input_ids"]
    assert len(known) == 3
    text = "the zyqx-7 is 12 wide, left?"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    spelled = tokenizer.decode(ids, skip_special_tokens=True)
    assert spelled == "the zyqx - 7 is 1 2 wide, left?"


def test_seg_is_the_last_token_and_survives_between_words():
    tokenizer = load_tokenizer(None)
    ids = tokenizer(f"it is {SEG_TOKEN} .", add_special_tokens=False)["input_ids"]
    assert ids[2] == len(tokenizer) - 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == "it is."
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)


def test_a_tokenizer_from_a_folder_gets_seg_and_pads_with_unk(tmp_path):
    llama_like_tokenizer().save_pretrained(str(tmp_path))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.pad_token == tokenizer.unk_token
    assert tokenizer.convert_tokens_to_ids(SEG_TOKEN) == len(tokenizer) - 1


def test_a_folder_without_a_tokenizer(tmp_path):
    with pytest.raises(DataError, match="wanted a Llama tokenizer"):
        load_tokenizer(tmp_path)
