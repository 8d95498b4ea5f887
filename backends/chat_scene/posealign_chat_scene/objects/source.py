"""Which source of features a configuration means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_chat_scene.objects.features import TableFeatures
from posealign_chat_scene.objects.tiny import TinyFeatures

if TYPE_CHECKING:
    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.objects.features import FeatureSource

__all__ = ["feature_source"]


def feature_source(config: ChatSceneConfig) -> FeatureSource:
    """The source; nothing is read before it is asked for.

    Raises:
        ConfigError: Files do not go together.
    """
    return TinyFeatures(config) if config.objects.features == "tiny" else TableFeatures(config)
