"""Experts on a shared trunk: who shares what, how they are drawn, what their mean is."""

import numpy as np
import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.parts.experts import Experts

SPEC = DataSpec("ham", tuple("abcdefg"), (778, 4693, 359, 228, 769, 80, 98), (16, 16))


def made(seed=0, **params):
    torch.manual_seed(seed)
    return Experts(SPEC, **params)


def image():
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_the_trunk_is_shared_and_no_expert_is_another():
    method = made()
    assert [name for name, _ in method.backbone.named_parameters() if "layer4" in name] == []
    weights = [next(stage.parameters()) for stage in method.last_stages]
    assert len({value.data_ptr() for value in weights}) == 3
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(weights[a], weights[b])
        assert not torch.equal(method.classifier[a].weight, method.classifier[b].weight)
    spread = [value.std().item() for value in weights]
    np.testing.assert_allclose(spread, spread[0], rtol=0.1)  # drawn alike


def test_logits_by_hand():
    method = made().eval()
    shared = method.backbone(image())
    assert shared.ndim == 4
    each = []
    for stage, head in zip(method.last_stages, method.classifier, strict=True):
        f = stage(shared).mean((2, 3)).detach().numpy()
        w = head.weight.detach().numpy()
        norms = np.linalg.norm(f, axis=1)[:, None] * np.linalg.norm(w, axis=1)
        each.append(30 * (f @ w.T) / norms)
    features = method.features(image())
    assert features.shape == (4, method.num_features)
    found = method.of_each(features).detach()
    assert found.shape == (3, 4, 7)
    np.testing.assert_allclose(found.numpy(), each, rtol=1e-4, atol=1e-4)
    mean = method(image()).detach()
    np.testing.assert_allclose(mean.numpy(), np.mean(each, 0), rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert method.of_each(features).dtype == torch.float32
        torch.testing.assert_close(method.of_each(features), found)


def test_one_expert_is_the_plain_network_with_a_cosine_head():
    torch.manual_seed(0)
    ldam = methods.build("ldam", SPEC).eval()
    one = made(experts=1).eval()
    assert torch.equal(one.classifier[0].weight, ldam.classifier.weight)
    torch.testing.assert_close(one(image()), ldam(image()))


def test_every_part_learns_and_only_its_own():
    method = made()
    method.zero_grad()
    method.of_each(method.features(image()))[1].logsumexp(1).sum().backward()
    learns = {name for name, value in method.named_parameters() if value.grad.any()}
    assert {name.split(".")[1] for name in learns if name.startswith("last_stages")} == {"1"}
    assert "backbone.conv1.0.weight" in learns


@pytest.mark.parametrize("stem", ["", "+no_pool", "+cifar"])
def test_stems_and_given_weights(stem, tmp_path):
    name = f"test_resnet{stem}"
    torch.manual_seed(3)
    plain = methods.build("erm", SPEC, backbone=name)
    torch.save(plain.backbone.state_dict(), tmp_path / "w.pt")
    method = made(backbone=name, weights=str(tmp_path / "w.pt")).eval()
    for stage in method.last_stages:
        for key, value in stage.state_dict().items():
            assert torch.equal(value, plain.backbone.layer4.state_dict()[key])
    each = method.of_each(method.features(image()))
    assert not torch.allclose(each[0], each[1])  # their heads differ
    drawn = made(backbone=name)
    assert not torch.equal(
        next(drawn.last_stages[0].parameters()), next(drawn.last_stages[1].parameters())
    )


def test_what_has_no_last_stage_is_refused():
    for name in ("conv4", "test_vit", "test_efficientnet"):
        with pytest.raises(MedtailError, match="needs a ResNet of timm"):
            made(backbone=name)
    with pytest.raises(MedtailError, match="experts must be in"):
        made(experts=0)
