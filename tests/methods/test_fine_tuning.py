"""Fine-tuning: symmetries of the support images."""

import torch

from medtail.methods import fine_tuning


def test_symmetries_of_the_support_images():
    torch.manual_seed(0)
    image = torch.arange(16.0).view(1, 1, 4, 4).expand(400, 1, 4, 4)
    turned = fine_tuning.symmetric(image)
    assert len({tuple(t.flatten().tolist()) for t in turned}) == 8
    assert turned.sort(-1).values.sum() >= 0
    wide = fine_tuning.symmetric(torch.arange(8.0).view(1, 1, 2, 4).expand(200, 1, 2, 4))
    assert len({tuple(t.flatten().tolist()) for t in wide}) == 4
    assert wide.shape == (200, 1, 2, 4)
