"""A step is tried before any training: a network that cannot take it is one line."""

import pytest
import torch
from rich.console import Console
from torch import nn

from medtail.benchmark.execution import preflight
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core import base
from tests.benchmark.cells import QUICK, cell


class Stubborn(nn.Module):
    """One convolution, then whatever is asked of its features."""

    def __init__(self, then):
        super().__init__()
        self.conv, self.then = nn.Conv2d(3, 4, 16), then

    def forward(self, image):
        return self.then(self, self.conv(image).flatten(1))


def in_float32_only(network, features):
    if features.dtype != torch.float32:
        raise RuntimeError("\"median\" not implemented for 'BFloat16'\nof all things")
    return features


def in_evaluation_only(network, features):
    if network.training:
        raise ValueError("Expected more than 1 value per channel when training")
    return features


def check(cells):
    preflight.check(cells, Console(file=open("/dev/null", "w")))  # noqa: PTH123, SIM115


def quick(**changes):
    return {"budget": QUICK.model_copy(update=changes)}


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (in_float32_only, "cannot be trained in bf16-mixed .*write budget.precision: 32-true$"),
        (in_evaluation_only, "cannot be trained in bf16-mixed .*take larger images"),
    ],
)
def test_a_network_that_cannot_take_a_step_is_one_line(then, words, monkeypatch):
    monkeypatch.setattr(base, "build_backbone", lambda *_: (Stubborn(then), 4))
    with pytest.raises(MedtailError, match=words) as error:
        check([cell(**quick(precision="bf16-mixed"))])
    assert "\n" not in str(error.value)
    if then is in_float32_only:
        check([cell(**quick(precision="32-true"))])


def test_a_step_of_one_image_fails_where_batches_are_normalised_over_one_value():
    with pytest.raises(MedtailError, match="more than 1 value per channel"):
        check([cell(**quick(batch_size=1))])


@pytest.mark.parametrize("backbone", ["test_resnet", "conv4"])
def test_what_can_be_trained_passes(backbone):
    check([cell(n, backbone=backbone) for n in ("erm", "ldam")])


def test_a_network_is_tried_once_per_terms(monkeypatch):
    tried = []
    monkeypatch.setattr(preflight, "try_step", lambda _, terms: tried.append(terms) or 0.0)
    check([cell("erm"), cell("ldam"), cell("erm", backbone="conv4")])
    assert [terms.backbone for terms in tried] == ["test_resnet", "conv4"]
