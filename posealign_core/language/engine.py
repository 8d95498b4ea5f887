"""What generates for a backbone besides `transformers`: prompt embeddings in, token ids out."""

from __future__ import annotations

import abc
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.language.export import save_language_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from posealign_core.structures import GenerationOptions

__all__ = ["GenerationEngine", "opened"]


class GenerationEngine(abc.ABC):
    """Decodes with the weights of a backbone's language model.

    `specs.EngineSpec.factory` builds one. Whatever a backbone puts between its words (scene tokens,
    prompts) has been embedded before an engine sees it, so that an engine knows of no scene.
    """

    @abc.abstractmethod
    def open(self, weights: Path) -> None:
        """Load a language model.

        Args:
            weights: Folder in the layout of `transformers`, adapters merged.

        Raises:
            BackboneError: The model cannot be loaded.
        """

    @abc.abstractmethod
    def generate(
        self, prompts: Sequence[Tensor], options: GenerationOptions, eos_token_id: int
    ) -> list[list[int]]:
        """Continue prompts.

        Args:
            prompts: (L_i, D) embeddings, each without padding.
            options: How to decode.
            eos_token_id: Ends an answer; it is the last id of an answer that ended.

        Returns:
            New token ids of each prompt.

        Raises:
            BackboneError: The engine cannot decode in this way, or failed.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Give the memory back."""


@contextmanager
def opened(engine: GenerationEngine, lm: PreTrainedModel) -> Iterator[GenerationEngine]:
    """Hand an engine the present weights of a language model for the time of a block.

    Args:
        engine: What will generate.
        lm: The model, with or without adapters.
    """
    with tempfile.TemporaryDirectory(prefix="posealign-llm-") as folder:
        save_language_model(lm, Path(folder))
        try:
            engine.open(Path(folder))
            yield engine
        finally:
            engine.close()
