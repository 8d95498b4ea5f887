"""From scene, prompts and instruction to a prefix, and the loss of what follows (section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from posealign_core.errors import BackboneError, ShapeError
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.pose_codes import PoseEmbedding, TokenPosition
from posealign_ll3da.model.prompts import PromptEncoder
from posealign_ll3da.model.qformer import build_qformer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from posealign_ll3da.model.config import CaptionerConfig
    from posealign_ll3da.model.pose_codes import EgoFeatures
    from posealign_ll3da.model.prompts import VisualPrompts
    from posealign_ll3da.model.scene import SceneFeatures
    from posealign_ll3da.model.tokens import TokenBatch

__all__ = ["Captioner"]


class Captioner(nn.Module):
    """Latent queries read the scene under an instruction; a language model goes on from them.

    Args:
        config: Sizes.
        llm: A decoder-only language model, in its own precision.
    """

    def __init__(self, config: CaptionerConfig, llm: PreTrainedModel) -> None:
        super().__init__()
        width, llm_width = config.token_width, _embedding(llm).weight.shape[1]
        self.fidelity = config.fidelity
        self.n_ego_features = config.n_ego_features
        self.qformer = build_qformer(config)
        # The second ReLU has no weights, and yet the projected scene is not negative.
        self.encoder_to_qformer_projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.prompt_encoder = PromptEncoder(config)
        self.latent_query = nn.Embedding(config.n_latents, config.width)
        self.qformer_to_language_projection = nn.Linear(config.width, llm_width)
        if config.n_ego_features:
            self.pose_embed = PoseEmbedding(config.n_ego_features, width)
        self.token_position = TokenPosition(width) if config.token_position else None
        self.transformer = llm

    def prefix(
        self,
        scene: SceneFeatures,
        instruction: TokenBatch,
        prompts: VisualPrompts,
        ego: EgoFeatures | None = None,
    ) -> Tensor:
        """What the language model reads before the instruction.

        Args:
            scene: B scenes.
            instruction: B texts in the Q-Former's tokens.
            prompts: What they point at.
            ego: Pose features; needed exactly when there is room for them.

        Returns:
            (B, latents, D) in the language model's width.

        Raises:
            BackboneError: Pose features without room for them, or room without features.
            ShapeError: An instruction is longer than the Q-Former has positions.
        """
        longest = self.qformer.config.max_position_embeddings
        if instruction.ids.shape[1] > longest:
            raise ShapeError(
                f"instruction: wanted at most {longest} Q-Former tokens, found "
                f"{instruction.ids.shape[1]}; truncate it"
            )
        tokens, click_pose = self.with_pose(scene, ego)
        latents = self.latent_query.weight.expand(len(tokens), -1, -1)
        encoded = self.prompt_encoder(prompts, scene.extent, click_pose)
        read = torch.ones(latents.shape[:2], dtype=torch.bool, device=tokens.device)
        states = self.qformer(
            input_ids=instruction.ids,
            query_embeds=torch.cat([latents, encoded.queries], dim=1),
            attention_mask=torch.cat([read, encoded.valid, instruction.mask], dim=1).long(),
            encoder_hidden_states=self.encoder_to_qformer_projection(tokens),
            encoder_attention_mask=None if scene.valid is None else scene.valid.long(),
        ).last_hidden_state
        prefix: Tensor = self.qformer_to_language_projection(states[:, : latents.shape[1]])
        return prefix

    def loss(self, prefix: Tensor, text: TokenBatch, answer: Tensor) -> Tensor:
        """Mean cross-entropy over the answers' tokens of the whole batch; see `misses`."""
        misses = self.misses(prefix, text, answer)
        return misses.sum() / (answer.to(misses.dtype) + 1e-6).sum()

    def misses(self, prefix: Tensor, text: TokenBatch, answer: Tensor) -> Tensor:
        """Cross-entropy of each token of the answers (section 3.5).

        Args:
            prefix: (B, latents, D).
            text: Instruction, response and end token, in the language model's tokens.
            answer: (B, L) bool, the n tokens that are to be said.

        Returns:
            (n,), in the order of `answer.nonzero()`.
        """
        embeds = torch.cat([prefix.to(self.dtype), self.embed(text.ids)], dim=1)
        read = torch.ones(prefix.shape[:2], dtype=torch.bool, device=prefix.device)
        states = self.transformer.base_model(
            inputs_embeds=embeds,
            attention_mask=torch.cat([read, text.mask], dim=1).long(),
            use_cache=False,
        ).last_hidden_state
        # The last place of the prefix says the first token. Other places would count zero times.
        head: nn.Module = self.transformer.get_output_embeddings()  # type: ignore[no-untyped-call]
        logits = head(states[:, read.shape[1] - 1 : -1][answer])
        if self.fidelity.loss_precision is Fidelity.CORRECT:
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return nn.functional.cross_entropy(logits, text.ids[answer], reduction="none")

    def embed(self, ids: Tensor) -> Tensor:
        """The language model's embeddings (B, L, D) of ids (B, L)."""
        embeds: Tensor = _embedding(self.transformer)(ids)
        return embeds

    @property
    def dtype(self) -> torch.dtype:
        """Of the language model."""
        return _embedding(self.transformer).weight.dtype

    def with_pose(
        self, scene: SceneFeatures, ego: EgoFeatures | None
    ) -> tuple[Tensor, Tensor | None]:
        """What is read of a scene: tokens with their place and pose, and the pose of clicks.

        Args:
            scene: B scenes.
            ego: Pose features; needed exactly when there is room for them.

        Returns:
            (B, K, C) tokens, and (B, m, C) to be added to the codes of clicks, or None.

        Raises:
            BackboneError: Pose features without room for them, or room without features.
        """
        if (ego is not None) != bool(self.n_ego_features):
            raise BackboneError(
                f"embed mode: wanted {self.n_ego_features} pose features per token, found "
                f"{0 if ego is None else ego.tokens.shape[-1]}; set n_ego_features to match"
            )
        tokens, clicks = scene.tokens, None
        if ego is not None:
            tokens, clicks = tokens + self.pose_embed(ego.tokens), self.pose_embed(ego.clicks)
        if self.token_position is not None:
            tokens = tokens + self.token_position(scene.xyz, scene.extent)
        return tokens, clicks


def _embedding(llm: PreTrainedModel) -> nn.Embedding:
    return cast("nn.Embedding", llm.get_input_embeddings())
