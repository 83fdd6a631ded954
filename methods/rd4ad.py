"""RD4AD: a decoder that gives back the maps of a pretrained network from a narrow code of them.

Paper: Deng and Li, "Anomaly detection via reverse distillation from one-class embedding", CVPR 2022
    (arXiv 2201.10703); the authors' code (hq-deng/RD4AD @6554076, main.py, resnet.py, test.py).
Equations: T_k the maps of stages 1 to 3 of the teacher, which is frozen; S_k those of the student.
    L = sum_k mean_i (1 - cos(T_k, S_k)), each map one vector; map: sum_k (1 - cos over channels) at
    each place, bilinear to the size of the image (corners aligned), smoothed by a Gaussian of 4
    pixels; score: its maximum. Student: T_1 by two 3x3 convolutions of stride 2 and T_2 by one on
    the grid of T_3, joined with it; two residual blocks, the first of stride 2, to 2 C_3 channels;
    then to each stage back, from the last, two residual blocks.
Code: it compares whole maps, where the paper compares places, as the score does (``compare:
    places``). It reports the last of the test epochs that it looks at.
Deviations: it has the authors' optimiser (Adam, rate 0.005, first decay rate 0.5), within the
    suite's epochs and batches. Maps are enlarged to the teacher's sizes by nearest neighbours and
    convolved, in place of transposed convolutions of 2x2, as odd grids have no whole ratio. A 1x1
    convolution ends each S_k: a teacher's maps may have either sign. Blocks are those of ResNet-18
    for any teacher. Without pretrained weights it is a control: no table has it.
Status: faithful.
"""

from typing import ClassVar, Literal, Unpack, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Recipe, Stage
from .core.checks import slug
from .core.gathering import gathered
from .core.one_class.base import OneClass
from .core.parts.maps import Smoothed, check_maps, map_shapes, maps_of
from .core.precision import exact, without_autocast

LEVELS, SIGMA = (1, 2, 3), 4.0
RECIPE = Recipe("adam", lr=0.005, weight_decay=0.0, warmup=0.0, schedule="constant", beta1=0.5)
Compare = Literal["maps", "places"]


def _convolution(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; He et al., CVPR 2016."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _convolution(before, after, stride=stride)
        self.second = _convolution(after, after)
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(before, after, 1, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H', W']."""
        return F.relu(self.second(F.relu(self.first(maps))) + self.shortcut(maps))


class _Student(nn.Module):
    """Maps of the three stages -> the same again, through a narrow code.

    Args:
        shapes: (C_k, H_k, W_k) of each stage.
    """

    def __init__(self, shapes: list[tuple[int, int, int]]) -> None:
        super().__init__()
        self.sizes = [shape[1:] for shape in shapes]
        first, second, third = (shape[0] for shape in shapes)
        self.of_first = nn.Sequential(
            _convolution(first, second, stride=2), nn.ReLU(),
            _convolution(second, third, stride=2), nn.ReLU(),
        )  # fmt: skip
        self.of_second = nn.Sequential(_convolution(second, third, stride=2), nn.ReLU())
        code = 2 * third
        self.bottleneck = nn.Sequential(_Block(3 * third, code, stride=2), _Block(code, code))
        widths = ((second, first), (third, second), (code, third))
        self.stages = nn.ModuleList(nn.Sequential(_Block(b, a), _Block(a, a)) for b, a in widths)
        self.outputs = nn.ModuleList(nn.Conv2d(a, a, 1) for _, a in widths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """[B, C_k, H_k, W_k] of each stage -> as many."""
        first, second, third = maps
        parts = [self.of_first(first), self.of_second(second), third]
        joined = torch.cat([F.interpolate(one, size=self.sizes[2]) for one in parts], 1)
        code, found = self.bottleneck(joined), []
        for k in (2, 1, 0):
            code = self.stages[k](F.interpolate(code, size=self.sizes[k]))
            found.append(self.outputs[k](code))
        return found[::-1]


def differences(teacher: list[Tensor], student: list[Tensor]) -> list[Tensor]:
    """1 - cos over the channels at each place of each stage, [B, H_k, W_k], float32."""
    return [
        1 - F.cosine_similarity(exact(t), exact(s)) for t, s in zip(teacher, student, strict=True)
    ]


def distillation_loss(teacher: list[Tensor], student: list[Tensor], compare: Compare) -> Tensor:
    """sum_k (1 - cos) of each image, [B] float32: of whole maps, or the mean over their places."""
    if compare == "places":
        return torch.stack([d.mean((1, 2)) for d in differences(teacher, student)]).sum(0)
    whole = [[exact(one).flatten(1) for one in maps] for maps in (teacher, student)]
    each = [1 - F.cosine_similarity(t, s) for t, s in zip(*whole, strict=True)]
    return torch.stack(each).sum(0)


class RD4AD(OneClass):
    """How far a student is from its teacher.

    Args:
        spec: the data.
        compare: what the loss compares: whole ``maps``, or ``places``.
        common: see ``Method``.
    """

    paper = "Deng and Li 2022"
    stages = (Stage("train", recipe=RECIPE),)
    needs_weights: ClassVar[bool] = True

    def __init__(
        self, spec: DataSpec, *, compare: Compare = "maps", **common: Unpack[Common]
    ) -> None:
        if compare not in get_args(Compare):
            raise unknown(f"compare of {slug(self)}", str(compare), get_args(Compare))
        super().__init__(spec, **common)
        check_maps(self, spec, LEVELS)
        self.compare: Compare = compare
        self.freeze("backbone")
        self.student = _Student(map_shapes(self.backbone, spec, LEVELS))
        self.smoothed = Smoothed(spec.image_size, SIGMA)

    def both(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Images [B, C, H, W] -> the maps of the teacher and of the student."""
        with torch.no_grad():
            teacher = maps_of(self.backbone, image, LEVELS)
        return teacher, self.student(teacher)

    def given_loss(self, image: Tensor) -> Tensor:
        """Mean over the images."""
        return gathered(distillation_loss(*self.both(image), self.compare)).mean()

    @without_autocast
    def anomaly_map(self, image: Tensor) -> Tensor:
        """The differences of all stages at the size of the image, smoothed."""
        total: Tensor = sum(
            (
                F.interpolate(
                    one[:, None], size=self.spec.image_size, mode="bilinear", align_corners=True
                )[:, 0]
                for one in differences(*self.both(image))
            ),
            torch.zeros(()).to(image),
        )
        smooth: Tensor = self.smoothed(total)
        return smooth

    def abnormality(self, image: Tensor) -> Tensor:
        """The largest smoothed difference of an image."""
        return self.anomaly_map(image).amax((1, 2))
