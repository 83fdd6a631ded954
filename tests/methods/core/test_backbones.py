"""Conv4: its blocks, and images that are too small for them."""

import pytest
import torch
from torch import nn

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from tests.methods.test_few_shot import build, episodes, spec


@pytest.mark.parametrize("size", [8, 15])
def test_conv4_refuses_images_that_it_would_halve_to_nothing(size):
    given = DataSpec("tiny", ("a", "b"), (5, 5), (size, 28))
    with pytest.raises(MedtailError, match="16 px or more"):
        methods.build("erm", given, backbone="conv4")
    with pytest.raises(MedtailError, match="no pretrained weights"):
        methods.build("erm", spec(), backbone="conv4", pretrained=True)


def test_conv4_is_convolution_norm_relu_pool():
    method = build("erm").eval()
    assert sum(p.numel() for p in method.backbone.parameters()) == 64 * 27 + 3 * 64 * 576 + 8 * 64
    image = episodes(1).image[0]
    x = image
    for block in range(4):
        conv, norm = method.backbone[4 * block : 4 * block + 2]
        x = nn.functional.max_pool2d(norm(conv(x)).relu(), 2)
    torch.testing.assert_close(method.features(image), x.flatten(1))
