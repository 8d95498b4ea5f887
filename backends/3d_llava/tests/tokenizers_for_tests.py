"""A small tokenizer that treats spaces and special tokens as Llama's does."""

from __future__ import annotations

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from posealign_3d_llava.model.special_tokens import add_seg_token

CORPUS = [
    "A chat between a person and an assistant about a room.",
    "USER: What is left of the table? ASSISTANT: a brown chair",
    "USER: Where is the lamp? ASSISTANT: It is on the desk by the window.",
    "Describe this object in the given scene. Please segment it: sure, it is there.",
]


def llama_like_tokenizer() -> PreTrainedTokenizerFast:
    """BPE with a word boundary before every text, bos 1, eos 2, and [SEG] as the last id."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    # Trained word by word, so that no merge crosses a boundary, and then used without splitting.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=120,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=[*map(chr, range(33, 127)), "▁", "\n"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<unk>",
    )
    add_seg_token(fast)
    return fast
