"""DisAlign: both its forms in loops, its weights, its start."""

import math

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.disalign import prior_weights
from tests.methods.long_tail import COMMON, COUNTS, PI, RARE, batch, build, log_softmax


def second_stage(**arguments):
    method = build("disalign", **arguments)
    return method.begin(method.stages[1]).eval()


def moved(method):
    """With a calibration that differs from the start, as after training."""
    with torch.no_grad():
        method.alpha.copy_(torch.linspace(0.5, 2, 7))
        method.beta.copy_(torch.linspace(-1, 1, 7))
        method.confidence.weight.copy_(torch.linspace(-1, 1, method.num_features)[None])
    return method


def test_the_weights():
    w = PI**-1.2
    w = w / w.sum() * 7
    np.testing.assert_allclose(prior_weights(COUNTS, 1.2), w, rtol=1e-5)
    # On HAM10000 as in the specification of this row.
    counts = torch.tensor([1113, 6705, 514, 327, 1099, 115, 142])
    found = prior_weights(counts, 1.2)
    np.testing.assert_allclose(
        found[[1, 0, 6, 5]], [0.022, 0.194, 2.30, 2.96], rtol=2e-3, atol=5e-4
    )
    assert prior_weights(COUNTS, 0.0).tolist() == [1] * 7


@pytest.mark.parametrize("form", ["paper", "cvpods"])
def test_the_calibrated_logits(form):
    method, image = moved(second_stage(form=form)), batch().image
    f = method.features(image).detach().double().numpy()
    w, b = (p.detach().double().numpy() for p in method.classifier.parameters())
    v, v0 = (p.detach().double().numpy() for p in method.confidence.parameters())
    alpha, beta = np.linspace(0.5, 2, 7), np.linspace(-1, 1, 7)
    expected = np.empty((8, 7))
    for i in range(8):
        z = w @ f[i] + b
        k = 1 / (1 + math.exp(-(v[0] @ f[i] + v0[0])))
        for c in range(7):
            if form == "paper":
                expected[i, c] = k * (alpha[c] * z[c] + beta[c]) + (1 - k) * z[c]
            else:
                expected[i, c] = (1 + k * alpha[c]) * z[c] + k * beta[c]
    np.testing.assert_allclose(method(image).detach(), expected, rtol=1e-4, atol=1e-5)


def test_it_starts_at_the_logits_of_stage_one_but_for_the_code_of_cvpods():
    image, plain = batch().image, build("erm")
    method = second_stage()
    method.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(method(image), plain(image))
    other = second_stage(form="cvpods")
    other.load_state_dict(plain.state_dict(), strict=False)
    k = (other.features(image) @ other.confidence.weight.T + other.confidence.bias).sigmoid()
    torch.testing.assert_close(other(image), (1 + k) * plain(image))
    assert (method.confidence.weight == 0.1).all()
    assert method.confidence.bias.abs() < method.num_features**-0.5


def test_the_loss_is_weighted_and_divided_by_the_images():
    method, given = moved(second_stage()), batch()
    likely = log_softmax(method(given.image).detach().double().numpy())
    w = PI**-1.2
    w = w / w.sum() * 7
    each = [-w[y] * row[y] for row, y in zip(likely, given.target.tolist(), strict=True)]
    assert method.loss(given).item() == pytest.approx(np.mean(each), rel=1e-5)


def test_a_larger_rho_takes_from_the_common_class():
    """Of two calibrations learnt on the same frozen logits."""
    shares = []
    for rho in (0.0, 1.2):
        torch.manual_seed(0)
        method = second_stage(rho=rho)
        target = torch.multinomial(torch.tensor(PI), 400, replacement=True)
        features = torch.rand(400, method.num_features)
        method.features = lambda image, features=features: features
        given = batch()._replace(image=features, target=target)
        optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.5)
        for _ in range(100):
            optimiser.zero_grad()
            method.loss(given).backward()
            optimiser.step()
        shares.append((method(features).argmax(1) == COMMON).float().mean().item())
    assert shares[0] > 0.9
    assert shares[1] < 0.5


def test_only_the_calibration_learns():
    method = build("disalign")
    assert [(s.by, s.share) for s in method.stages] == [("erm", 0.8), (None, 0.2)]
    method.begin(method.stages[1])
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert learns == {"alpha", "beta", "confidence.weight", "confidence.bias"}
    assert set(method._frozen) == {"backbone", "classifier"}
    assert method.request(method.stages[1]).sampler == "instance"
    recipe = method.stages[1].recipe
    assert (recipe.optimizer, recipe.lr, recipe.warmup) == ("momentum", 0.05, 0)


def test_findings_and_bad_arguments():
    found = moved(second_stage()).findings()
    assert found["scale/a"] == pytest.approx(0.5)
    assert found["shift/g"] == pytest.approx(1)
    assert COUNTS[RARE] == 80
    with pytest.raises(MedtailError, match="rho must be in"):
        build("disalign", rho=-1.0)
    with pytest.raises(MedtailError, match="unknown form of disalign 'code'"):
        build("disalign", form="code")
