"""BCL: adjusted cross-entropy plus balanced SupCon."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.methods.contrastive import PRIOR, build, exact
from tests.methods.core.contrast.loops import balanced_by_loops


def test_bcl_is_its_terms():
    method = build("bcl")
    method.eval()
    drawn = exact(3)
    f = [method.backbone(drawn.image[:, v]) for v in range(3)]
    w = method.classifier.weight
    s = 30 * F.normalize(f[0]) @ F.normalize(w).T
    likely = F.cross_entropy(s + torch.tensor(PRIOR), drawn.target)
    z = torch.cat([method.projection(f[1]), method.projection(f[2])])
    contrast = balanced_by_loops(
        z.detach().numpy(),
        np.tile(drawn.target.numpy(), 2),
        method.prototypes(w).detach().numpy(),
        0.07,
    )
    assert method.loss(drawn).item() == pytest.approx(likely.item() + 0.35 * contrast, rel=1e-6)
    method.weight = 0
    assert method.loss(drawn).item() == pytest.approx(likely.item(), rel=1e-6)


def test_the_projectors_batch_norm_sees_all_three_views():
    method, seen = build("bcl"), []
    method.projection.layers[1].register_forward_hook(lambda _, given, out: seen.append(given[0]))
    method.loss(exact(3))
    assert [len(given) for given in seen] == [3 * 16]
