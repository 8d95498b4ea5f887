"""From features, places and words to the language model's input, and its loss (section 3)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from transformers import LlamaForCausalLM
from transformers.initialization import no_init_weights

from posealign_chat_scene.model.position import FourierFeatures, axis_waves, unit_places
from posealign_core.align.embed import EGO_FEATURES
from posealign_core.errors import ShapeError
from posealign_core.language.llama import default_dtype
from posealign_core.language.packing import PADDING, PREFIX, next_token_loss, visible
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import LlamaConfig

    from posealign_chat_scene.model.config import NetworkConfig
    from posealign_chat_scene.model.scene import SceneBatch

__all__ = ["IMAGE_TOKEN", "POINT_TOKEN", "ChatSceneNetwork", "Projection", "Row"]

POINT_TOKEN, IMAGE_TOKEN = -1, -2
"""Ids of an object's 3-D and 2-D token, which follow its identifier."""
_CHANNEL_SCALE = 0.1


class Row(NamedTuple):
    """B sequences, padded on either side.

    Attributes:
        tokens: (B, L) int64; negative ids stand for objects' tokens, n of either kind in each row.
        segments: (B, L) int64; see `language.packing`.
        positions: (B, L) int64.
    """

    tokens: Tensor
    segments: Tensor
    positions: Tensor


class Projection(nn.Sequential):
    """Linear, GELU, Linear: from a feature to a token.

    Args:
        n_in: Length of the feature.
        width: Length of the token.
    """

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__(nn.Linear(n_in, width), nn.GELU(), nn.Linear(width, width))
        self.n_in = n_in


class ChatSceneNetwork(nn.Module):
    """A LLaMA behind projected object features; names and shapes are the published ones (3.10).

    Args:
        llama: The language model's sizes; its last `n_slots` words are the identifiers.
        config: Everything else.
        dtype: Precision of the language model's layers; all that trains whole is float32.
        initialise: Whether the language model's weights are drawn; not where a base fills them.

    Attributes:
        trains_words: Whether words besides the identifiers get gradients, as pre-training wants.
    """

    _prompt_ids: Tensor
    _prompt_rows: Tensor

    def __init__(
        self,
        llama: LlamaConfig,
        config: NetworkConfig,
        dtype: torch.dtype = torch.float32,
        *,
        initialise: bool = True,
    ) -> None:
        super().__init__()
        self.network_config = config
        self.trains_words = False
        self.first_identifier = llama.vocab_size - config.n_slots
        with default_dtype(dtype), nullcontext() if initialise else no_init_weights():
            self.llama_model = LlamaForCausalLM(llama)
        self.llama_model.model.embed_tokens.float()
        self.llama_model.lm_head.float()
        width, n_ego = llama.hidden_size, EGO_FEATURES if config.ego_features else 0
        self.object_proj = Projection(config.point_dim + n_ego, width)
        self.object_img_proj = Projection(config.image_dim, width)
        self.pos_embedding = FourierFeatures(config.n_waves)
        self.pos_proj = nn.Sequential(nn.Linear(2 * config.n_waves, width))
        self.register_buffer("_prompt_ids", torch.zeros(0, dtype=torch.int64), persistent=False)
        self.register_buffer("_prompt_rows", torch.zeros(0, width), persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the language model's layers."""
        dtype: torch.dtype = self.llama_model.model.norm.weight.dtype
        return dtype

    @torch.no_grad()
    def keep_prompt_rows(self, ids: Sequence[int]) -> None:
        """Remember what the words around the objects are now; see `NetworkConfig.prompt_rows`."""
        self._prompt_ids = torch.tensor(sorted(set(ids)), device=self._prompt_rows.device)
        self._prompt_rows = self.llama_model.model.embed_tokens.weight[self._prompt_ids].clone()

    def object_tokens(self, scene: SceneBatch) -> Tensor:
        """(B, n, 2, D) the 3-D and the 2-D token of each slot (3.3, 3.5).

        Raises:
            ShapeError: Numbers about the camera are given or missing against the configuration.
        """
        if (scene.ego is None) == self.network_config.ego_features:
            raise ShapeError(
                "embed mode: the projection of 3-D features has "
                f"{'room for' if scene.ego is None else 'no room for'} six numbers about the "
                f"camera, and {'none' if scene.ego is None else 'they'} were given; set "
                "backbone.config.network.ego_features accordingly"
            )
        points = nn.functional.normalize(scene.points, dim=-1)
        if scene.ego is not None:
            points = torch.cat([points, scene.ego], dim=-1)
        images = nn.functional.normalize(scene.images, dim=-1)
        tokens = torch.stack([self.object_proj(points), self.object_img_proj(images)], dim=2)
        if self.network_config.channel != "none":
            tokens = tokens + self._places(scene)[:, :, None]
        rows = scene.order[:, :, None, None].expand(-1, -1, *tokens.shape[2:])
        return tokens.gather(1, rows)

    def _places(self, scene: SceneBatch) -> Tensor:
        """(B, n, D) what the position channel adds; nothing for an object without a place."""
        config = self.network_config
        if config.channel == "sine_metric":
            waves = axis_waves(scene.centers, config.n_waves)
        else:
            waves = self.pos_embedding(unit_places(scene.centers, scene.valid, config))
        added: Tensor = self.pos_proj(waves * _CHANNEL_SCALE)
        return added * scene.valid[..., None]

    def embed(self, row: Row, objects: Tensor) -> Tensor:
        """(B, L, D) float32 input of the language model.

        Args:
            row: Tokens and segments.
            objects: (B, n, 2, D) tokens of the slots.
        """
        embeds = self._words(row)
        for marker, kind in ((POINT_TOKEN, 0), (IMAGE_TOKEN, 1)):
            places = (row.tokens == marker).nonzero(as_tuple=True)
            embeds = embeds.index_put(places, objects[:, :, kind].flatten(0, 1).to(embeds.dtype))
        return embeds * (row.segments != PADDING)[..., None]

    def _words(self, row: Row) -> Tensor:
        ids = row.tokens.clamp(min=0)
        words: Tensor = self.llama_model.model.embed_tokens(ids)
        is_word = (ids < self.first_identifier)[..., None]
        if not self.trains_words:
            words = torch.where(is_word, words.detach(), words)
        if self.network_config.prompt_rows is Fidelity.RELEASED and len(self._prompt_ids):
            found = torch.searchsorted(self._prompt_ids, ids).clamp(max=len(self._prompt_ids) - 1)
            kept = (self._prompt_ids[found] == ids) & (row.segments == PREFIX)
            words = torch.where(is_word & kept[..., None], self._prompt_rows[found], words)
        return words

    def loss(self, row: Row, targets: Tensor, scene: SceneBatch) -> Tensor:
        """Mean cross-entropy over the supervised tokens of a batch (3.7).

        Args:
            row: The sequences.
            targets: (B, L) int64.
            scene: What they are about.
        """
        embeds = self.embed(row, self.object_tokens(scene))
        packed = bool((row.segments > PREFIX + 1).any())
        mask = visible(row.segments) if packed else (row.segments != PADDING).long()
        with self.precision(embeds.device):
            states = self.llama_model.model(
                inputs_embeds=embeds,
                attention_mask=mask,
                position_ids=row.positions,
                use_cache=False,
            ).last_hidden_state
            return next_token_loss(self.llama_model.lm_head, states, targets)

    def precision(self, device: torch.device) -> AbstractContextManager[object]:
        """Mixed precision where the layers are not float32 (3.8)."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, dtype=self.dtype)
