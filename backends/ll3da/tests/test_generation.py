from __future__ import annotations

import heapq
from types import SimpleNamespace

import pytest
import torch
from networks import EOS, network, tokens

from posealign_core.errors import BackboneError
from posealign_core.structures import GenerationOptions
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.config import ModelFidelity
from posealign_ll3da.model.generation import generate
from posealign_ll3da.model.released_beams import released_beams
from posealign_ll3da.model.tokens import TokenBatch

RELEASED, CORRECT = (ModelFidelity.uniform(f) for f in (Fidelity.RELEASED, Fidelity.CORRECT))


def options(n: int = 7, beams: int = 1, **others) -> GenerationOptions:
    return GenerationOptions(max_new_tokens=n, num_beams=beams, **others)


def captioner(seed: int):
    """A language model that says the end token often enough."""
    found = network(seed=seed).captioner
    with torch.no_grad():
        found.transformer.get_input_embeddings().weight[EOS] *= 1.5
    return found


def padded(ids: torch.Tensor, length: int) -> list[int]:
    return ids.tolist() + [EOS] * (length - len(ids))


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("fidelity", [RELEASED, CORRECT])
def test_a_batch_says_what_its_items_say_alone(beams, fidelity):
    for seed in range(3):
        model, lengths = captioner(seed), (6, 2, 4)
        prefix, text = torch.randn(3, 4, 16), tokens(*lengths, seed=seed)
        together = generate(model, prefix, text, options(beams=beams), fidelity)
        for row, length in enumerate(lengths):
            one = TokenBatch(ids=text.ids[row, None, :length], mask=text.mask[row, None, :length])
            alone = generate(model, prefix[row : row + 1], one, options(beams=beams), fidelity)[0]
            n = max(together.shape[1], len(alone))
            assert padded(together[row], n) == padded(alone, n)


def next_logits(model, prefix, ids: list[int]) -> torch.Tensor:
    """Without cache, mask or padding: section 4's input, (V,)."""
    llm = model.transformer
    embeds = torch.cat([prefix, llm.get_input_embeddings()(torch.tensor(ids))])[None]
    return llm(inputs_embeds=embeds).logits[0, -1]


@torch.no_grad()
def slow_greedy(model, prefix, ids: list[int], n: int) -> list[int]:
    out: list[int] = []
    while len(out) < n:
        done = EOS in out
        out.append(EOS if done else int(next_logits(model, prefix, ids + out).argmax()))
    return out


@torch.no_grad()
def slow_released_beams(logits_of, n_beams: int, n: int) -> list[int]:
    """Section 4, step by step: a heap of the best, every sequence run anew."""
    top = logits_of([]).topk(n_beams)
    scores = top.values.log_softmax(-1).tolist()
    beams = [[token] for token in top.indices.tolist()]
    heap: list[tuple[float, tuple[int, int], list[int]]] = []

    def push(score: float, place: tuple[int, int], ids: list[int]) -> None:
        entry = (score, place, ids)
        if len(heap) < n_beams:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    for t in range(1, n - 1):
        table = torch.stack([logits_of(beam).log_softmax(-1) + s
                             for beam, s in zip(beams, scores, strict=True)])  # fmt: skip
        best = table.flatten().topk(n_beams)
        scores = best.values.tolist()
        width = table.shape[1]
        beams = [[*beams[k // width], k % width] for k in best.indices.tolist()]
        for k, beam in enumerate(beams):
            if beam[-1] == EOS:
                push(scores[k] / (t + 1), (t, k), beam)
                scores[k] = -torch.inf
    for k, beam in enumerate(beams):
        last = float(logits_of(beam).log_softmax(-1)[EOS])
        push((scores[k] + last) / n, (n - 1, k), [*beam, EOS])
    ids = max(heap, key=lambda entry: entry[0])[2]
    return ids + [EOS] * (n - len(ids))


@pytest.mark.parametrize("seed", range(6))
def test_greedy_is_an_argmax_per_step(seed):
    model, prefix, text = captioner(seed), torch.randn(1, 4, 16), tokens(5, seed=seed)
    out = generate(model, prefix, text, options(8), RELEASED)
    expected = slow_greedy(model, prefix[0], text.ids[0].tolist(), 8)
    assert padded(out[0], 8) == expected


@pytest.mark.parametrize("seed", range(8))
def test_released_beams_are_the_slow_ones(seed):
    model, prefix, text = captioner(seed), torch.randn(1, 4, 16), tokens(5, seed=seed)
    out = generate(model, prefix, text, options(7, 4), RELEASED)
    ids = text.ids[0].tolist()
    expected = slow_released_beams(
        lambda said: next_logits(model, prefix[0], ids + said).detach(), 4, 7
    )
    assert out[0].tolist() == expected


class TableModel:
    """A language model whose next token depends on the last one alone; row 0 starts."""

    def __init__(self, table: torch.Tensor) -> None:
        self.table = table

    def forward(self, *, input_ids=None, inputs_embeds=None, past_key_values=None, **_):
        if input_ids is None:
            rows = torch.zeros(len(inputs_embeds), dtype=torch.long)
        else:
            rows = input_ids[:, -1]
        return SimpleNamespace(logits=self.table[rows][:, None])

    __call__ = forward


def search(table: torch.Tensor, n: int, beams: int) -> list[int]:
    embeds, mask = torch.zeros(1, 1, 4), torch.ones(1, 1, dtype=torch.bool)
    return released_beams(TableModel(table), embeds, mask, options(n, beams), EOS)[0].tolist()


@pytest.mark.parametrize("seed", range(20))
def test_released_beams_on_a_table(seed):
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(6, 6, generator=generator) * 2
    expected = slow_released_beams(lambda said: table[said[-1] if said else 0], 3, 6)
    assert search(table, 6, 3) == expected


def test_first_tokens_are_scored_among_the_beams_alone():
    # 3 and 4 are the likeliest starts, with 0.02 of 0.62 each, which is a half among the two beams.
    table = torch.full((60, 60), 1e-9)
    table[0] = 0.01
    table[0, 3] = table[0, 4] = 0.02
    table[3, EOS], table[3, 5] = 0.6, 0.4
    table[4, 6] = 1.0
    # 3 ends with a mean of ln(0.5 * 0.6) / 2 = -0.60, 4 one step later with ln(0.5 * 0.4) / 3.
    table[6, EOS], table[6, 7] = 0.4, 0.6
    assert search(table.log(), 3, 2) == [4, 6, EOS]
    # ln(0.5 * 0.2) / 3 = -0.77 loses; with 0.032 for a start it would be -1.68 against -1.97.
    table[6, EOS], table[6, 7] = 0.2, 0.8
    assert search(table.log(), 3, 2) == [3, EOS, EOS]


def test_an_end_token_among_the_first_ends_nothing():
    table = torch.full((6, 6), -20.0)
    table[0, EOS] = 5.0
    table[EOS, 4] = 5.0
    table[4, EOS] = 5.0
    assert search(table, 5, 2) == [EOS, 4, EOS, EOS, EOS]


def test_released_beams_know_no_penalties():
    for wrong in (options(1, 2), options(5, 2, no_repeat_ngram_size=3)):
        with pytest.raises(BackboneError, match="at least 2 and no penalty"):
            generate(captioner(0), torch.randn(1, 4, 16), tokens(3), wrong, RELEASED)


def test_rules_differ_where_they_should():
    """On random models the two searches agree often, and not always."""
    same = []
    for seed in range(6):
        model, prefix, text = captioner(seed), torch.randn(1, 4, 16), tokens(5, seed=seed)
        both = [generate(model, prefix, text, options(7, 4), f)[0] for f in (RELEASED, CORRECT)]
        same.append(padded(both[0], 7) == padded(both[1], 7))
    assert not all(same)
