"""The base of methods of several experts: last stages and heads of their own on a shared trunk."""

from typing import Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

from ..backbones import build_backbone
from ..base import Common, Method
from ..checks import check_interval, slug
from ..heads import SCALE, CosineClassifier
from ..precision import exact


def drawn_stages(backbone: nn.Module, name: str, spec: DataSpec, experts: int) -> nn.ModuleList:
    """The last residual stage of a ResNet and others of its kind, each drawn by itself.

    Equal experts would stay equal under equal losses. Initialised as the backbone's own is.

    Args:
        backbone: of which the first one is taken.
        name: of the backbone.
        spec: the data.
        experts: M.
    """
    others = [build_backbone(name, spec)[0] for _ in range(experts - 1)]
    return nn.ModuleList([one.get_submodule("layer4") for one in (backbone, *others)])


class Experts(Method):
    """M experts: a ResNet's ``layer4``, its pooling and a cosine head each, ``layer1..3`` shared.

    ``features`` are those of all experts side by side, ``forward`` is the mean of their logits.
    Where pretrained weights are given, every last stage starts from them: the heads differ.

    Args:
        spec: the data.
        experts: M.
        common: see ``Method``.

    Raises:
        MedtailError: the backbone is not a ResNet of timm.
    """

    classifier: nn.ModuleList

    def __init__(self, spec: DataSpec, *, experts: int = 3, **common: Unpack[Common]) -> None:
        check_interval(self, "[1, 16]", experts=experts)
        experts = int(experts)
        super().__init__(spec, **common)
        if not (hasattr(self.backbone, "layer4") and hasattr(self.backbone, "global_pool")):
            raise MedtailError(
                f"{slug(self)}: needs a ResNet of timm, whose last stage each expert has its own of"
            )
        name = str(self.hparams["backbone"])
        self.last_stages = drawn_stages(self.backbone, name, spec, experts)
        if common.get("weights", "none") != "none":
            for one in self.last_stages[1:]:
                one.load_state_dict(self.last_stages[0].state_dict())
        self.pool: nn.Module = self.backbone.get_submodule("global_pool")
        # What stays of the backbone ends in a feature map.
        self.backbone.layer4, self.backbone.global_pool = nn.Identity(), nn.Identity()
        shape = self.num_features, spec.num_classes
        self.classifier = nn.ModuleList([CosineClassifier(*shape, SCALE) for _ in range(experts)])
        self.num_features *= experts

    def features(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> the experts' features side by side [B, M D]."""
        shared = super().features(image)
        return torch.cat([self.pool(stage(shared)) for stage in self.last_stages], 1)

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, M D] -> the mean of the experts' logits [B, K]."""
        return self.of_each(features).mean(0)

    def of_each(self, features: Tensor) -> Tensor:
        """Features [B, M D] -> logits of each expert [M, B, K], in float32."""
        with torch.autocast(features.device.type, enabled=False):
            parts = exact(features).chunk(len(self.classifier), 1)
            heads = zip(self.classifier, parts, strict=True)
            return torch.stack([head(part) for head, part in heads])
