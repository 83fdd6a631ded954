"""Maps of a backbone's stages: which they are, and that no later stage runs."""

import pytest
import torch

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError, NeedsImagesError
from medtail.methods import erm
from medtail.methods.core.backbones import build_backbone
from medtail.methods.core.parts.maps import check_maps, map_shapes, maps_of, stages_of

SPEC = DataSpec("ham", tuple("abcdefg"), (778, 4693, 359, 228, 769, 80, 98), (28, 28))
KNOWN = {
    "test_resnet": ("layer1", "layer2", "layer3", "layer4"),
    "resnet18+no_pool": ("layer1", "layer2", "layer3", "layer4"),
    "efficientnet_lite0": ("blocks.1", "blocks.2", "blocks.4", "blocks.6"),
    "test_efficientnet": ("blocks.1", "blocks.2", "blocks.3", "blocks.4"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_they_are_what_the_named_stages_give_out(name):
    torch.manual_seed(0)
    backbone, _ = build_backbone(name, SPEC)
    backbone.eval()
    assert tuple(stage for _, stage in map(stages_of(backbone).get, (1, 2, 3, 4))) == KNOWN[name]
    seen, image = {}, torch.randn(2, 3, 28, 28)
    for stage in KNOWN[name]:
        backbone.get_submodule(stage).register_forward_hook(
            lambda module, given, out, stage=stage: seen.__setitem__(stage, out)
        )
    with torch.no_grad():
        backbone(image)
        hooked = dict(seen)
        seen.clear()
        found = maps_of(backbone, image, (1, 2, 3))
    assert KNOWN[name][3] not in seen, "the last stage has run for nothing"
    for one, stage in zip(found, KNOWN[name], strict=False):
        assert torch.equal(one, hooked[stage])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (28, [(32, 7, 7), (48, 4, 4), (192, 2, 2)]),
        (224, [(32, 56, 56), (48, 28, 28), (192, 14, 14)]),
    ],
)
def test_shapes_are_measured_and_nothing_is_moved(size, expected):
    spec = DataSpec("one", ("a", "b"), (9, 9), (size, size))
    torch.manual_seed(0)
    backbone, _ = build_backbone("test_resnet", spec)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    drawn = torch.get_rng_state()
    assert map_shapes(backbone, spec, (1, 2, 3)) == expected
    assert torch.equal(torch.get_rng_state(), drawn)
    assert backbone.training
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())
    assert map_shapes(backbone.eval(), spec, (2,)) == expected[1:2]
    assert not backbone.training
    no_pool, _ = build_backbone("test_resnet+no_pool", SPEC)
    assert map_shapes(no_pool, SPEC, (1, 3)) == [(32, 14, 14), (192, 4, 4)]


@pytest.mark.parametrize("name", ["conv4", "test_vit"])
def test_what_has_no_stages_is_refused_in_one_line(name):
    method = erm.ERM(DataSpec("v", ("a", "b"), (9, 9), (16, 16)), backbone=name)
    with pytest.raises(MedtailError, match=r"^erm: needs a backbone whose stages.*take a ResNet"):
        check_maps(method, method.spec, (1, 2))
    assert stages_of(method.backbone) == {}


def test_a_level_that_is_not_there_and_features_for_images_are_refused():
    method = erm.ERM(SPEC)
    check_maps(method, SPEC, (1, 2, 3, 4))
    with pytest.raises(MedtailError, match="needs a backbone"):
        check_maps(method, SPEC, (3, 5))
    frozen = DataSpec("f", ("a", "b"), (9, 9), (16, 16), features=8)
    with pytest.raises(NeedsImagesError):
        check_maps(erm.ERM(frozen), frozen, (1,))
