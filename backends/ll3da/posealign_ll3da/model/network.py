"""LL3DA: detector and captioner under the published names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from posealign_ll3da.model.captioner import Captioner
from posealign_ll3da.model.detector import Detector

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from posealign_ll3da.model.cloud import CloudBatch
    from posealign_ll3da.model.config import CaptionerConfig, DetectorConfig
    from posealign_ll3da.model.proposals import Proposals
    from posealign_ll3da.model.scene import SceneFeatures

__all__ = ["Ll3daNetwork"]


class Ll3daNetwork(nn.Module):
    """The whole network.

    Args:
        detector: Sizes of the detector.
        captioner: Sizes of prompts and Q-Former.
        llm: The language model.
    """

    def __init__(
        self, detector: DetectorConfig, captioner: CaptionerConfig, llm: PreTrainedModel
    ) -> None:
        super().__init__()
        self.detector = Detector(detector)
        self.captioner = Captioner(captioner, llm)

    def encode(self, cloud: CloudBatch) -> SceneFeatures:
        """Scene tokens; enough for questions without a box prompt."""
        return self.detector.encode(cloud)

    def detect(self, cloud: CloudBatch) -> tuple[SceneFeatures, Proposals]:
        """Scene tokens and boxes."""
        detection = self.detector(cloud)
        return detection.scene, detection.proposals

    @property
    def detector_learns(self) -> bool:
        """Whether anything of the detector is trained."""
        return any(parameter.requires_grad for parameter in self.detector.parameters())

    def train(self, mode: bool = True) -> Ll3daNetwork:
        """Switch modes; a part of which nothing is trained always evaluates (section 2.8)."""
        super().train(mode)
        for part in (self.detector, self.captioner.transformer):
            if not any(parameter.requires_grad for parameter in part.parameters()):
                part.eval()
        return self
