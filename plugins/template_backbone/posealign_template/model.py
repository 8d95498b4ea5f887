"""The device side: a small Llama whose first tokens are the scene's objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from posealign_core.align.embed import EGO_FEATURES
from posealign_core.backbone import (
    Backbone,
    Batch,
    GenerationOptions,
    LoadReport,
    RawAnswer,
    StepOutput,
    Trainable,
)
from posealign_core.language.lookup import start_as_lookup
from posealign_core.language.packing import IGNORED, PADDING, PREFIX, visible
from posealign_template.objects import N_ATTRIBUTES, SceneObjects
from posealign_template.tokens import END, PAD, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_template.config import TemplateConfig

__all__ = ["TemplateBackbone"]

WEIGHTS = Path(__file__).parent / "weights" / "base.safetensors"


class TemplateBackbone(Backbone):
    """A Llama over object tokens and words.

    An object's vector is the sum of its slot's, its words', and a projection of its numbers, beside
    which embed mode puts six that relate it to the camera. The projector's columns for these start
    at zero, so that they change nothing until they are trained.
    """

    def __init__(self, config: TemplateConfig) -> None:
        super().__init__()
        self.tokenizer = Tokenizer(config.n_slots, config.n_unknown)
        self.lm = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(self.tokenizer),
                hidden_size=config.width,
                intermediate_size=config.mlp_width,
                num_hidden_layers=config.n_layers,
                num_attention_heads=config.n_heads,
                max_position_embeddings=4096,
                initializer_range=config.width**-0.5,
                pad_token_id=PAD,
                bos_token_id=None,
                eos_token_id=END,
                tie_word_embeddings=False,
            )
        )
        self.projector = _projector(config.width)
        start_as_lookup(self.lm)
        if config.pretrained:
            self.load_published(WEIGHTS).require_exact(str(WEIGHTS))

    def forward(self, batch: Batch) -> StepOutput:
        """Mean cross-entropy over the answer tokens of every question."""
        logits = self.lm(
            inputs_embeds=self._embed(batch),
            attention_mask=visible(batch["segments"]),
            position_ids=batch["positions"],
            use_cache=False,
        ).logits
        # The token at one place is predicted from the place before it.
        predicted, targets = logits[:, :-1].flatten(0, 1).float(), batch["targets"][:, 1:].flatten()
        loss = functional.cross_entropy(predicted, targets, ignore_index=IGNORED)
        return StepOutput(loss=loss)

    @torch.no_grad()
    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        """Answer one question per item."""
        written = self.lm.generate(
            inputs_embeds=self._embed(batch),
            attention_mask=(batch["segments"] != PADDING).long(),
            do_sample=False,
            max_new_tokens=options.max_new_tokens,
            num_beams=options.num_beams,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            repetition_penalty=options.repetition_penalty,
        )
        items = zip(written.tolist(), batch["objects"], batch["spellings"], strict=True)
        return [self._answer(*item) for item in items]

    def trainable(self) -> Trainable:
        """Adapters on the seven projections; embeddings, output head and projector whole."""
        names = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
        return Trainable(
            lora_targets=names, full_modules=("projector", "lm.model.embed_tokens", "lm.lm_head")
        )

    def load_published(self, path: Path) -> LoadReport:
        """Load the base weights that `pretrain` wrote."""
        have, want = load_file(path), self.state_dict()
        reshaped = [k for k in want if k in have and have[k].shape != want[k].shape]
        fitting = {k: v for k, v in have.items() if k in want and k not in reshaped}
        self.load_state_dict(fitting, strict=False)
        return LoadReport(
            loaded=len(fitting),
            missing=tuple(k for k in want if k not in have),
            unexpected=tuple(k for k in have if k not in want),
            reshaped=tuple((k, tuple(have[k].shape), tuple(want[k].shape)) for k in reshaped),
        )

    def _embed(self, batch: Batch) -> torch.Tensor:
        """(B, L, width) vectors of all tokens; object tokens get what is known of the object."""
        words = self.lm.model.embed_tokens
        names = (words(batch["names"]) * (batch["names"] != PAD)[..., None]).sum(dim=1)
        numbers = torch.cat([batch["attributes"], self._ego(batch)], dim=1)
        known = names + self.projector(numbers)
        tokens: torch.Tensor = words(batch["tokens"])
        first, last = self.tokenizer.slot(0), self.tokenizer.slot(self.tokenizer.n_slots)
        is_slot = (batch["tokens"] >= first) & (batch["tokens"] < last)
        is_object = is_slot & (batch["segments"] == PREFIX)
        extra = torch.zeros_like(tokens)
        return tokens + extra.masked_scatter(is_object[..., None], known.to(tokens.dtype))

    def _ego(self, batch: Batch) -> torch.Tensor:
        """Six numbers per object that relate it to its item's camera; zeros without embed mode."""
        coords: torch.Tensor = batch["attributes"][:, :3]
        features = coords.new_zeros(len(coords), EGO_FEATURES)
        first = 0
        for n, pose in zip(batch["n_objects"], batch["poses"], strict=True):
            if pose is not None:
                features[first : first + n] = self.embed_pose(coords[first : first + n], pose)
            first += n
        return features

    def _answer(
        self, ids: list[int], objects: SceneObjects, spelling: Mapping[int, str]
    ) -> RawAnswer:
        ids = ids[: ids.index(END)] if END in ids else ids
        rows = [slot for slot in self.tokenizer.slots_in(ids) if slot < len(objects.names)]
        return RawAnswer(
            text=self.tokenizer.decode(ids, spelling),
            corners=None if objects.corners is None else objects.corners[rows],
            object_ids=tuple(objects.object_ids[rows].tolist()),
        )


def _projector(width: int) -> nn.Sequential:
    """From an object's numbers to a token's vector, quiet at first."""
    first = nn.Linear(N_ATTRIBUTES + EGO_FEATURES, width)
    second = nn.Linear(width, width)
    nn.init.zeros_(first.weight[:, N_ATTRIBUTES:])
    nn.init.normal_(second.weight, std=0.02)
    return nn.Sequential(first, nn.GELU(), second)
