"""BBN: two branches, and the weight that moves from one to the other."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.bbn import bilateral_loss, cumulative_weight

SPEC = DataSpec("ham", tuple("abcdefg"), (778, 4693, 359, 228, 769, 80, 98), (16, 16))


def batch(seed: int = 0, size: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(size, 3, 16, 16, generator=generator)
    return Batch(image, torch.arange(size) % 7, torch.arange(size))


def at_progress(method: nn.Module, progress: float) -> None:
    method.__class__ = type("AtProgress", (type(method),), {"epoch_progress": progress})


def test_bbn_moves_from_the_natural_to_the_reversed_branch():
    assert [cumulative_weight(t) for t in (0, 0.5, 1)] == [1, 0.75, 0]
    method = methods.build("bbn", SPEC)
    asked = method.request(method.stages[0])
    assert (asked.sampler, asked.second) == ("instance", "reversed")
    pair = batch(0)._replace(second=batch(1)._replace(target=torch.full((8,), 5)))
    for progress, idle in ((0.0, "reverse."), (1.0, "natural.")):
        at_progress(method, progress)
        method.zero_grad()
        method.loss(pair).backward()
        size = {
            part: sum(
                p.grad.abs().sum().item()
                for n, p in method.named_parameters()
                if n.startswith(part)
            )
            for part in ("natural.", "reverse.", "backbone.")
        }
        assert size.pop(idle) == 0
        assert min(size.values()) > 0


def test_bbn_loss_by_its_equations():
    method = methods.build("bbn", SPEC).eval()
    at_progress(method, 0.6)
    natural, reverse = batch(0), batch(1)._replace(target=torch.full((8,), 5))
    loss = method.loss(natural._replace(second=reverse)).item()
    with torch.no_grad():
        f_c = method.pool(method.natural(method.backbone(natural.image))).numpy()
        f_r = method.pool(method.reverse(method.backbone(reverse.image))).numpy()
    d = f_c.shape[1]
    weight, bias = (p.detach().numpy() for p in method.classifier.parameters())
    w_c, w_r, alpha = weight[:, :d], weight[:, d:], 1 - 0.6**2
    z = alpha * f_c @ w_c.T + (1 - alpha) * f_r @ w_r.T + bias
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    rows = np.arange(8)
    expected = -(alpha * log_p[rows, natural.target] + (1 - alpha) * log_p[rows, 5]).mean()
    assert loss == pytest.approx(expected, rel=1e-4)
    z, first, second = torch.tensor(z), natural.target, reverse.target
    plain = F.cross_entropy(z, first).item()
    assert bilateral_loss(z, first, second, 1.0).item() == pytest.approx(plain)


def test_bbn_shares_all_but_the_last_block():
    plain, method = methods.build("erm", SPEC).eval(), methods.build("bbn", SPEC).eval()
    own = {name.partition(".")[0] for name, _ in method.named_parameters()}
    assert own == {"backbone", "natural", "reverse", "classifier"}
    shared = {name for name, _ in method.backbone.named_parameters()}
    assert shared < {name for name, _ in plain.backbone.named_parameters()}
    # At test both branches count the same, and each is the plain backbone as long as all are new.
    for key, value in plain.backbone.state_dict().items():
        if key in method.backbone.state_dict():
            method.backbone.state_dict()[key].copy_(value)
    for branch in (method.natural, method.reverse):
        branch.load_state_dict(plain.backbone.layer4[-1].state_dict())
    image = batch().image
    half = plain.backbone(image) / 2
    torch.testing.assert_close(method.features(image), torch.cat([half, half], 1))


def test_bbn_needs_a_last_residual_block():
    with pytest.raises(MedtailError, match="bbn: needs a ResNet"):
        methods.build("bbn", SPEC, backbone="test_vit")
