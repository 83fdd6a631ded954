"""Rates by layer are those computed by hand."""

import pytest
import torch
from torch import nn

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.backbones import Pooled
from medtail.methods.core.base import Recipe
from medtail.methods.core.layers import layers_of


class Ending:
    """A trainer that knows how long it trains."""

    estimated_stepping_batches, max_epochs = 10, 1


@pytest.fixture
def rated(monkeypatch):
    def rate(method, decay, weight_decay=0.05):
        recipe = {"lr": 2.0, "weight_decay": weight_decay, "warmup": 0, "schedule": "constant"}
        method.recipe = Recipe("adamw", **recipe, layer_decay=decay)
        monkeypatch.setattr(type(method), "trainer", Ending(), raising=False)
        (optimizer,), _ = method.configure_optimizers()
        names = {id(value): name for name, value in method.named_parameters()}
        return {
            names[id(value)]: (group["lr"], group["weight_decay"])
            for group in optimizer.param_groups
            for value in group["params"]
        }

    return rate


def built(backbone, method="erm"):
    spec = DataSpec("any", ("a", "b"), (5, 5), (32, 32))
    return methods.build(method, spec, backbone=backbone)


def by_hand(name):
    """Layers above this one: of ResNet-18 the stem, eight blocks, the classifier."""
    if not name.startswith("backbone."):
        return 0
    part, *rest = name.removeprefix("backbone.").split(".")
    return 8 - (2 * (int(part[5:]) - 1) + int(rest[0])) if part.startswith("layer") else 9


@pytest.mark.parametrize("method", ["erm", "proco"])
def test_rates_of_a_resnet_fall_by_block(rated, method):
    found = rated(built("resnet18", method), 0.5)
    assert found["classifier.weight"][0] == 2.0
    assert found["backbone.layer4.1.conv2.weight"][0] == 1.0
    assert found["backbone.layer4.0.downsample.0.weight"][0] == 0.5
    assert found["backbone.conv1.weight"][0] == found["backbone.bn1.bias"][0] == 2 * 0.5**9
    own = {name: rate for name, (rate, _) in found.items() if not name.startswith("key_")}
    assert own == {name: 2 * 0.5 ** by_hand(name) for name in own}


def test_rates_of_a_transformer_fall_by_block_and_its_last_norm_is_of_the_last(rated):
    method = built("test_vit")
    depth = len(method.backbone.blocks)
    found = {name: rate for name, (rate, _) in rated(method, 0.5).items()}
    assert found["classifier.bias"] == 2.0
    last = "backbone.norm.weight" if "backbone.norm.weight" in found else "backbone.fc_norm.weight"
    assert found[last] == 1.0
    for block in range(depth):
        assert found[f"backbone.blocks.{block}.mlp.fc1.weight"] == 2 * 0.5 ** (depth - block)
    assert found["backbone.pos_embed"] == 2 * 0.5 ** (depth + 1)
    assert found["backbone.patch_embed.proj.weight"] == 2 * 0.5 ** (depth + 1)


def test_weight_decay_is_as_without_and_a_decay_of_one_changes_nothing(rated):
    method = built("resnet18")
    usual = rated(method, 1.0)
    assert {rate for rate, _ in usual.values()} == {2.0}
    decayed = rated(method, 0.5)
    assert usual.keys() == decayed.keys() == dict(method.named_parameters()).keys()
    for name, value in method.named_parameters():
        assert decayed[name][1] == usual[name][1] == (0.05 if value.ndim > 1 else 0.0)


def test_what_is_frozen_has_no_rate_and_a_wrapped_network_has_its_layers(rated):
    method = built("resnet18")
    method.backbone = Pooled(method.backbone)
    assert layers_of(method.backbone)["network.layer1.0.conv1.weight"] == 1
    assert rated(method, 0.5)["backbone.network.layer4.1.conv2.weight"][0] == 1.0
    method.freeze("backbone")
    assert rated(method, 0.5).keys() == {"classifier.weight", "classifier.bias"}
    with pytest.raises(MedtailError, match="write layer_decay: 1"):
        layers_of(nn.Sequential(nn.Linear(2, 2)))


def test_the_rate_of_a_step_is_that_of_the_schedule_times_that_of_the_layer(monkeypatch):
    method = built("resnet18")
    method.recipe = Recipe(
        "momentum", lr=2.0, momentum=0, weight_decay=0, warmup=0, layer_decay=0.5
    )
    monkeypatch.setattr(type(method), "trainer", Ending(), raising=False)
    (optimizer,), (schedule,) = method.configure_optimizers()
    for _ in range(5):
        optimizer.step()
        schedule["scheduler"].step()
    before = {name: value.detach().clone() for name, value in method.named_parameters()}
    for value in method.parameters():
        value.grad = torch.ones_like(value)
    optimizer.step()  # at half of the cosine: half the rate
    for name, value in method.named_parameters():
        moved = before[name] - value.detach()
        torch.testing.assert_close(moved, torch.full_like(moved, 0.5 ** by_hand(name)),
                                   rtol=1e-4, atol=1e-5)  # fmt: skip
