"""Backbones: their measured width, their size, their draws; the Conv-4."""

import pytest
import timm
import torch
from torch import nn

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core import backbones
from medtail.methods.core.backbones import Pooled, build_backbone, conv4
from tests.methods.test_few_shot import build, episodes, spec


def images(size, channels=3):
    sides = size if isinstance(size, tuple) else (size, size)
    return DataSpec("any", ("a", "b"), (5, 5), sides, channels)


@pytest.mark.parametrize("size", [8, 15])
def test_conv4_refuses_images_that_it_would_halve_to_nothing(size):
    with pytest.raises(MedtailError, match="16 px or more"):
        methods.build("erm", images((size, 28)), backbone="conv4")
    with pytest.raises(MedtailError, match="timm has none for backbone 'conv4'"):
        methods.build("erm", spec(), backbone="conv4", weights="timm")


def test_conv4_is_convolution_norm_relu_pool():
    method = build("erm").eval()
    assert sum(p.numel() for p in method.backbone.parameters()) == 64 * 27 + 3 * 64 * 576 + 8 * 64
    image = episodes(1).image[0]
    x = image
    for block in range(4):
        conv, norm = method.backbone[4 * block : 4 * block + 2]
        x = nn.functional.max_pool2d(norm(conv(x)).relu(), 2)
    torch.testing.assert_close(method.features(image), x.flatten(1))


def test_conv4_flattens_1600_features_at_84_px_and_pools_nothing_at_28():
    """Snell et al. 2017: 64 x 5 x 5 on miniImageNet, 64 on Omniglot's 28 px."""
    network = conv4(3).eval()
    large, small = torch.rand(2, 3, 84, 84), torch.rand(2, 3, 28, 28)
    body = network[:-1]
    assert torch.equal(network(large), body(large).reshape(2, 1600))
    pooled = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert torch.equal(network(small), pooled(small))
    assert [build_backbone("conv4", images(s))[1] for s in (28, (28, 40), 84)] == [64, 128, 1600]


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "mobilenetv3_small_100"])
def test_measuring_draws_nothing_and_leaves_the_network_as_it_was(name):
    """The weights of every committed board come from these draws."""
    size = {"img_size": (32, 32)} if name == "test_vit" else {}
    torch.manual_seed(5)
    plain = timm.create_model(name, num_classes=0, in_chans=3, **size)
    after = torch.rand(3)
    torch.manual_seed(5)
    found, width = build_backbone(name, images(32))
    assert torch.equal(torch.rand(3), after)
    assert all(module.training for module in found.modules())
    for key, value in plain.state_dict().items():
        assert torch.equal(found.state_dict()[key], value), key
    assert found.eval()(torch.rand(2, 3, 32, 32)).shape == (2, width)


@pytest.mark.parametrize(
    ("name", "width", "told"),
    [("mobilenetv3_small_100", 1024, 576), ("ghostnet_100", 1280, 960), ("test_resnet", 96, 96)],
)
def test_the_width_is_what_comes_out(name, width, told):
    method = methods.build("erm", images(28), backbone=name)
    assert (method.num_features, method.backbone.num_features) == (width, told)
    assert method.eval()(torch.rand(2, 3, 28, 28)).shape == (2, 2)


@pytest.mark.parametrize("name", ["deit_tiny_patch16_224", "tiny_vit_5m_224", "fastvit_t8"])
def test_the_size_is_given_to_those_that_take_it_whatever_they_are_called(name):
    network, width = build_backbone(name, images((32, 64), 1))
    assert network.eval()(torch.rand(2, 1, 32, 64)).shape == (2, width)


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("densenet121", 28, "densenet121' cannot run on images of 28 x 28 px .*224 x 224"),
        ("test_vit", 28, "whole patches of 16 px only, which 28 are not"),
        ("resnet18+no_pol", 28, "unknown stem"),
        ("test_vit+no_pool", 32, "only ResNets"),
    ],
)
def test_a_network_that_cannot_see_the_images_is_one_line(name, size, words):
    with pytest.raises(MedtailError, match=words) as error:
        build_backbone(name, images(size))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(5, 2, 3), (6, 5)])
def test_maps_and_tokens_are_averaged(shape, monkeypatch):
    class Map(nn.Module):
        def forward(self, image):
            return torch.arange(30.0).view(1, *shape).expand(len(image), *shape)

    monkeypatch.setattr(backbones.timm, "create_model", lambda *_, **__: Map())
    network, width = build_backbone("test_resnet", images(28))
    assert isinstance(network, Pooled)
    assert width == 5
    mean = torch.arange(30.0).view(shape).mean((1, 2) if len(shape) == 3 else 0)
    assert torch.equal(network(torch.rand(2, 3, 28, 28)), mean.expand(2, 5))


def gradients(network, image, direction):
    network.zero_grad()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # of one place and few images it is all rounding
            layer.eval()
    (network(image) * direction).sum().backward()
    return [p.grad for p in network.parameters()]


@pytest.mark.parametrize("name", ["test_resnet", "tf_efficientnet_lite0"])
def test_a_map_of_one_place_is_gone_over_in_steps_of_one_which_changes_nothing(name):
    own, width = build_backbone(name, images(16))
    plain = timm.create_model(name, num_classes=0)
    plain.load_state_dict(own.state_dict())
    strides = [m.stride for m in plain.modules() if isinstance(m, nn.Conv2d)]
    ours = [m.stride for m in own.modules() if isinstance(m, nn.Conv2d)]
    assert sum(strides, ()) != sum(ours, ()) if name == "test_resnet" else strides == ours
    image, direction = torch.randn(8, 3, 16, 16).double(), torch.randn(8, width).double()
    torch.testing.assert_close(own.double().eval()(image), plain.double().eval()(image))
    pairs = zip(gradients(own, image, direction), gradients(plain, image, direction), strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs)
    at_28, _ = build_backbone(name, images(28))
    assert [m.stride for m in at_28.modules() if isinstance(m, nn.Conv2d)] == strides


def test_gradients_in_bfloat16_are_the_same_each_time_on_maps_of_one_place():
    """They were NaN or anything on processors with AMX: memory that nobody had written."""
    network, width = build_backbone("test_resnet", images(16))
    image, direction = torch.randn(64, 3, 16, 16), torch.randn(64, width)
    wanted = [g.clone() for g in gradients(network, image, direction)]
    first = None
    for _ in range(5):
        dirty = [torch.full((1000 * 4**k,), float("nan")) for k in range(6)]
        del dirty
        with torch.autocast("cpu", torch.bfloat16):
            found = gradients(network, image, direction)
        first = first or [g.clone() for g in found]
        for mine, before, exact in zip(found, first, wanted, strict=True):
            assert torch.equal(mine, before)
            assert (mine - exact).norm() <= 0.3 * exact.norm()  # eight bits, twenty layers
