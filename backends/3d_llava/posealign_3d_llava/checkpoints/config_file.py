"""The `config.json` beside published weights (specification section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posealign_3d_llava.backbone import LlavaBackbone

__all__ = ["published_config"]


def published_config(backbone: LlavaBackbone) -> dict[str, Any]:
    """The language model's configuration with the fields that the release adds to it."""
    config, tower = backbone.llava_config, backbone.llava_config.tower
    added = {
        "architectures": ["LlavaLlamaForCausalLM"],
        "model_type": "llava_llama",
        "mm_vision_tower": None,
        "use_mm_proj": True,
        "mm_projector_type": "mlp2x_gelu",
        "mm_hidden_size": backbone.lm.model.mm_projector.n_in,
        "mm_vision_select_layer": -1,
        "mm_vision_select_feature": "patch",
        "mm_patch_merge_type": "flat",
        "mm_pointcloud_tower": str(config.tower_weights or ""),
        "use_pc_proj": True,
        "pc_hidden_size": tower.token_width,
        "pc_feature_dim": tower.token_width,
        "mm_inst_prompt_encoder": "shared_projector",
        "image_aspect_ratio": "pad",
        "tokenizer_padding_side": "right",
        "tokenizer_model_max_length": config.llm.max_length,
        "seg_token_idx": backbone.lm.seg_token_id,
        "link_token_indices": -1000000,
        "num_pc_tokens": tower.n_tokens,
        "pc_sampling_type": "superpoint",
        "vocab_size": len(backbone.tokenizer),
    }
    plain: dict[str, Any] = backbone.lm.config.to_dict()
    return plain | added
