"""The point-cloud tower: everything between points and the language model (section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from posealign_3d_llava.model.decoder import mlp
from posealign_3d_llava.model.mask_decoder import MaskDecoder, SegmentedScenes, group_queries
from posealign_3d_llava.model.segmentor import SuperpointTransformer
from posealign_3d_llava.model.selection import select_tokens
from posealign_3d_llava.model.visual_sampler import VisualSampler

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from posealign_3d_llava.model.cloud import PointCloudBatch
    from posealign_3d_llava.model.config import TowerConfig
    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_3d_llava.model.selection import SceneTokens

__all__ = ["PointCloudTower"]


class PointCloudTower(nn.Module):
    """Encodes scenes, describes regions, and turns [SEG] states into masks.

    `alignment_proj` is the segmentor's own, under a second name that published files have too.

    Args:
        config: Sizes and fidelity.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.config = config
        self.segmentor = SuperpointTransformer(config)
        self.alignment_proj = self.segmentor.alignment_proj
        self.visual_sampler = VisualSampler(config)
        self.mask_decoder = MaskDecoder(config)
        self.hidden_seg_fc = mlp(config.llm_width, config.seg_width, config.width)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.segmentor.dtype

    def copy_decoder(self) -> None:
        """Start the visual sampler and the mask decoder as copies of the segmentor's decoder.

        Published stage-1 files hold the decoder alone; what a copy has no use for is left out.
        """
        weights = self.segmentor.decoder.state_dict()
        for module in (self.visual_sampler, self.mask_decoder):
            module.load_state_dict({key: weights[key] for key in module.state_dict()})

    def encode(self, cloud: PointCloudBatch) -> SceneFeatures:
        """Encode B scenes."""
        features: SceneFeatures = self.segmentor(cloud)
        return features

    def scene_tokens(self, features: SceneFeatures) -> SceneTokens:
        """Tokens (B, K, W) of each scene, with their coordinates."""
        rounding = self.config.fidelity.token_coords
        return select_tokens(features, self.alignment_proj, self.config.n_tokens, rounding)

    def prompt_tokens(
        self, features: SceneFeatures, masks: Tensor, scene_of_prompt: Tensor
    ) -> Tensor:
        """Describe regions.

        Args:
            features: B encoded scenes.
            masks: (P, Q) bool, the superpoints of each region; P may be 0.
            scene_of_prompt: (P,) int64.

        Returns:
            (P, W).
        """
        prompts = self.visual_sampler(features.of_scenes(scene_of_prompt), masks)
        tokens: Tensor = self.alignment_proj(prompts)
        return tokens

    def segment(
        self, features: SceneFeatures, queries: Tensor, scene_of_query: Tensor
    ) -> SegmentedScenes:
        """Turn mask queries into masks; the queries of one scene see each other.

        Args:
            features: B encoded scenes.
            queries: (T, D) from `hidden_seg_fc`, T > 0.
            scene_of_query: (T,) int64, ascending.
        """
        scenes, grouped, query_valid = group_queries(queries, scene_of_query)
        asked = features.of_scenes(scenes)
        return SegmentedScenes(
            scenes=scenes,
            levels=self.mask_decoder(grouped, query_valid, asked),
            query_valid=query_valid,
            superpoint_valid=asked.superpoints.valid,
        )
