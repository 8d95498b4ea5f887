"""The core's evaluator, with decoding settings per benchmark (specification section 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from posealign_core.evaluation.evaluator import Evaluator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_core.backbone import Backbone, SampleEncoder
    from posealign_core.evaluation.evaluator import PredictOutcome
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.structures import GenerationOptions, Query

__all__ = ["LlavaEvaluator"]


class LlavaEvaluator(Evaluator):
    """Decodes a benchmark as `LlavaConfig.decoding` says, else as the run says."""

    def predict(  # noqa: PLR0917 - as the base class
        self,
        backbone: Backbone,
        encoder: SampleEncoder,
        pipeline: QueryPipeline,
        queries: Sequence[Query],
        options: GenerationOptions,
        output_path: Path,
        **further: Any,
    ) -> PredictOutcome:
        """Answer queries of one benchmark; see the base class."""
        decoding = cast("LlavaBackbone", backbone).llava_config.decoding
        chosen = decoding.get(queries[0].benchmark, options) if queries else options
        return super().predict(backbone, encoder, pipeline, queries, chosen, output_path, **further)
