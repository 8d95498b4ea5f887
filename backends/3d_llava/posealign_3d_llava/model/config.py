"""Sizes of the point-cloud tower, and which quirks of the released network it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from posealign_core.vocabulary import Fidelity

__all__ = ["ModelFidelity", "TowerConfig"]


@dataclass(frozen=True, kw_only=True)
class ModelFidelity:
    """One switch per defect that the release trains or predicts with (specification section 9).

    Attributes:
        batch_norm: Released: a frozen tower in training mode normalises with the statistics of the
            batch, so a scene's features depend on its neighbours. Correct: with its running ones.
        coordinate_mean: Released: coordinates are centred on the mean over the whole batch.
            Correct: on the mean of their own scene, which is the same for a batch of one.
        dice_weight: Released: the Dice term counts 4/n for n segmented samples of a micro-batch.
            Correct: 2 whatever n, which is what the published micro-batch of two comes to.
        empty_prompt: Released: a prompt that marks no superpoint turns the sample's loss into NaN.
            Correct: the superpoint that the region covers best stands in.
        token_coords: Released: the coordinates that a pose is embedded for are rounded to the
            precision of the network, centimetres in bfloat16. Correct: they stay float32.
    """

    batch_norm: Fidelity = Fidelity.CORRECT
    coordinate_mean: Fidelity = Fidelity.CORRECT
    dice_weight: Fidelity = Fidelity.CORRECT
    empty_prompt: Fidelity = Fidelity.CORRECT
    token_coords: Fidelity = Fidelity.CORRECT

    @classmethod
    def uniform(cls, fidelity: Fidelity) -> ModelFidelity:
        """The same choice for every switch."""
        return cls(**{switch.name: fidelity for switch in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Sizes; the defaults are the published ones (specification sections 2.2, 3.1, 3.7).

    Attributes:
        planes: U-Net channels per level, finest first.
        blocks_per_level: Residual blocks before and after the deeper levels.
        n_classes: Object classes of the decoder's class head; one more means "no object".
        n_semantic: Outputs of its semantic head.
        width: Channels of superpoint queries.
        n_heads: Attention heads.
        ffn_width: Hidden channels of feed-forward blocks.
        n_layers: Layers of the decoder, the visual sampler and the mask decoder.
        token_width: Channels of scene tokens and prompts.
        n_tokens: Scene tokens kept for the language model.
        llm_width: Hidden channels of the language model.
        seg_width: Hidden channels between a [SEG] state and a mask query.
        fidelity: Which quirks are kept.
    """

    planes: tuple[int, ...] = (32, 64, 96, 128, 160)
    blocks_per_level: int = 2
    n_classes: int = 198
    n_semantic: int = 201
    width: int = 256
    n_heads: int = 8
    ffn_width: int = 1024
    n_layers: int = 3
    token_width: int = 1024
    n_tokens: int = 100
    llm_width: int = 4096
    seg_width: int = 1024
    fidelity: ModelFidelity = field(default_factory=ModelFidelity)
