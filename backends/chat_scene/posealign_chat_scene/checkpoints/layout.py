"""Names and entries of the published checkpoint (specification sections 3.10 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_chat_scene.model.network import ChatSceneNetwork

__all__ = ["own_key", "plain_tensors", "published_key", "published_tensors"]

_OURS, _PUBLISHED = "llama_model.", "llama_model.base_model.model."
_WHOLE = (
    "llama_model.model.embed_tokens.",
    "llama_model.lm_head.",
    "object_proj.",
    "object_img_proj.",
    "pos_proj.",
    "pos_embedding.",
)


def published_key(key: str) -> str:
    """The published name of a tensor of the network."""
    return _PUBLISHED + key.removeprefix(_OURS) if key.startswith(_OURS) else key


def own_key(key: str) -> str:
    """The network's name of a published tensor."""
    return _OURS + key.removeprefix(_PUBLISHED) if key.startswith(_PUBLISHED) else key


def published_tensors(network: ChatSceneNetwork) -> Mapping[str, Tensor]:
    """What a published checkpoint holds, under the network's names: adapters, and what is whole."""
    return {
        key: tensor
        for key, tensor in network.state_dict().items()
        if ".lora_" in key or key.startswith(_WHOLE)
    }


def plain_tensors(network: ChatSceneNetwork) -> Mapping[str, Tensor]:
    """Everything but adapters, as if there were none."""
    return {
        key.replace(".base_layer.", "."): tensor
        for key, tensor in network.state_dict().items()
        if ".lora_" not in key
    }
