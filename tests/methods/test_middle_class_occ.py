"""The formulas of one-class papers, against loops written from their equations."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods import autoencoder, cutpaste, deep_svdd, doc, perturbation_occ
from medtail.methods.core.middle_classes.registry import GENERATORS, controls
from medtail.methods.core.one_class.base import one_against_rest
from medtail.methods.middle_class_occ import middle_class_loss
from tests.methods.test_one_class import SPEC, batch, build, step, trained


def test_the_loss_of_middle_classes_is_the_sum_of_weighted_means():
    logits = torch.randn(11, 4)
    target = torch.tensor([0] * 6 + [1, 1, 1, 2, 3])
    total = 0.0
    for j in range(4):
        each = [-math.log(F.softmax(z, 0)[j]) for z in logits[target == j]]
        total += (1 if j == 0 else 1 / 3) * sum(each) / len(each)
    assert middle_class_loss(logits, target).item() == pytest.approx(total, rel=1e-5)
    assert middle_class_loss(logits[:6], target[:6]).item() == pytest.approx(
        F.cross_entropy(logits[:6], target[:6]).item(), rel=1e-5
    )


def test_scores_rise_with_the_middle_classes():
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    scores = one_against_rest(logits)
    probability = logits.softmax(1)[:, 0]
    np.testing.assert_allclose(scores, ((1 - probability) / probability).log(), rtol=1e-5)
    assert (scores.diff() > 0).all()


def test_middle_classes_are_made_of_the_given_in_equal_parts(monkeypatch):
    method, image = build("middle_class_occ", identity=0.0), batch(SPEC, 0, size=9).image
    image = method.normalised(image.sigmoid())
    made, target = method.generated(image)
    assert target.bincount().tolist() == [9, 3, 3, 3]
    torch.testing.assert_close(made[:9], image, atol=1e-5, rtol=0)
    assert (made[9:].unsqueeze(1) - image).abs().amax((2, 3, 4)).min() > 0.01
    controlled = build("middle_class_occ", identity=1.0).generated(image)[0][:9]
    assert ((controlled - image).abs().amax((1, 2, 3)) > 0).all()
    half = build("middle_class_occ").generated(batch(SPEC, 0, size=200).image.tanh())[0][:200]
    same = (half - batch(SPEC, 0, size=200).image.tanh()).abs().amax((1, 2, 3)) < 1e-5
    assert 70 < same.sum() < 130


def test_knowledge_follows_the_modality():
    assert build("middle_class_occ").names[0] == "asymmetry_splice"
    assert build("middle_class_occ", spec=replace(SPEC, modality="fundus")).names[0] == "red_dots"
    assert build("middle_class_occ", knowledge="generic").names == (
        build("middle_class_occ", spec=replace(SPEC, modality="")).names
    )
    assert build("middle_class_occ", knowledge=["exudates"]).classifier.out_features == 2
    for bad in ({"knowledge": "x"}, {"knowledge": 3}, {"score": "x"}, {"identity": 2}):
        with pytest.raises(MedtailError):
            build("middle_class_occ", **bad)


def test_middle_classes_are_learnt_and_controls_are_not_told_apart():
    """Blobs are unseen; a control is not what gives a middle class away."""
    spec = replace(SPEC, modality="")
    torch.manual_seed(0)
    method = methods.build("middle_class_occ", spec, knowledge=["lesion_prior", "bank_composite"])
    optimiser = torch.optim.AdamW(method.parameters(), 3e-3)

    def fields(amount, seed):
        noise = torch.randn(amount, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
        return 0.5 + 0.05 * F.interpolate(noise, (20, 20), mode="bilinear")

    for n in range(40):
        given = Batch(method.normalised(fields(32, n)), torch.zeros(32).long(), torch.arange(32))
        optimiser.zero_grad()
        step(method, given).backward()
        optimiser.step()
    method.eval()
    plain = method.normalised(fields(64, 99))
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    blob = 0.3 * torch.exp(-((x - 6) ** 2 + (y - 12) ** 2) / 8)
    bad = method.normalised(fields(64, 98) - blob)
    with torch.no_grad():
        good, bad = method.abnormality(plain), method.abnormality(bad)
    assert (bad[:, None] > good).float().mean() > 0.8
    method.conclude([], [Batch(plain, torch.zeros(64).long(), torch.arange(64))])
    assert abs(method.findings()["identity_auroc"] - 0.5) < 0.25


def test_softmax_and_log_odds_rank_alike_and_density_does_not_need_the_head():
    image = batch(SPEC, 4, size=16).image
    scores = {}
    for name in ("log_odds", "softmax", "density"):
        method = trained("middle_class_occ", score=name)
        scores[name] = method.abnormality(image).detach()
    assert torch.equal(scores["log_odds"].argsort(), scores["softmax"].argsort())
    assert not torch.equal(scores["log_odds"].argsort(), scores["density"].argsort())
    with torch.no_grad():
        method.classifier.weight.zero_()
    assert torch.equal(method.abnormality(image), scores["density"])


def test_identity_controls_are_scored_on_given_validation_images():
    method = trained("middle_class_occ")
    val, abnormal = batch(SPEC, 10, size=64), batch(SPEC, 30, target=1)
    method.conclude([], [val, abnormal])
    pixels, rng = method.pixels(val.image), torch.Generator().manual_seed(0)
    with torch.no_grad():
        copies = method.abnormality(method.normalised(controls(pixels, method.names, rng)))
        scores = torch.cat([copies, method.abnormality(val.image)])
    expected = roc_auc_score([1] * 64 + [0] * 64, scores)
    assert expected != 0.5
    assert method.findings()["identity_auroc"] == pytest.approx(expected)


def test_svdd_losses():
    squared, radius2, nu = torch.rand(10) * 4, torch.tensor(1.5), 0.2
    total = 1.5
    for d in squared.tolist():
        total += max(0.0, d - 1.5) / (nu * 10)
    found = deep_svdd.soft_boundary_loss(squared, radius2, nu)
    assert found.item() == pytest.approx(total, rel=1e-5)
    outputs = torch.tensor([[1.0, 0.05, -0.02], [3.0, 0.03, -0.04]])
    expected = torch.tensor([2.0, 0.1, -0.1])
    torch.testing.assert_close(deep_svdd.fixed_centre(outputs), expected)


def test_svdd_has_no_biases_and_a_centre_that_stays():
    method, first = build("deep_svdd"), batch(SPEC, 0)
    for name, value in method.named_parameters():
        if value.ndim == 1:
            assert not value.requires_grad, name
            assert (value == (0 if name.endswith("bias") else 1)).all(), name
    assert method.classifier.bias is None
    step(method, first)
    centre = method.centre.clone()
    with torch.no_grad():
        outputs = method.score(method.features(first.image))
    torch.testing.assert_close(centre, deep_svdd.fixed_centre(outputs), atol=1e-5, rtol=1e-4)
    assert (centre.abs() >= 0.0999).all()
    loss = step(method, batch(SPEC, 1))
    assert torch.equal(method.centre, centre)
    with torch.no_grad():
        outputs = method.score(method.features(batch(SPEC, 1).image))
    expected = np.mean([sum((a - b) ** 2 for a, b in zip(o, centre, strict=True)) for o in outputs])
    assert loss.item() == pytest.approx(float(expected), rel=1e-3)


def test_the_radius_is_the_quantile_after_the_warm_up():
    method = build("deep_svdd", soft_boundary=True, nu=0.25)
    step(method, batch(SPEC, 0))
    assert method.radius2 == 0
    method.trainer.fit_loop.epoch_progress.current.completed = 5
    assert method.epoch_progress == 0.5
    method.loss(batch(SPEC, 1, size=9))
    with torch.no_grad():
        squared = method.squared_distance(batch(SPEC, 1, size=9).image)
    assert method.radius2.item() == pytest.approx(squared.sort().values[6].item(), rel=1e-3)
    for bad in ({"nu": 0}, {"nu": 1}, {"soft_boundary": "yes"}):
        with pytest.raises(MedtailError):
            build("deep_svdd", **bad)


def test_pastes_come_from_the_image_and_have_their_size():
    x = torch.arange(64.0).expand(64, 64)
    image = torch.stack([x / 64, x.T / 64, 0.5 + 0 * x]).expand(64, -1, -1, -1)
    for cut, low, high in ((cutpaste.cut_patch, 0.01, 0.16), (cutpaste.cut_scar, 2e-4, 0.01)):
        torch.manual_seed(0)
        made = cut(image)
        changed = ((made - image).abs() > 1e-4).any(1).float().mean((1, 2))
        assert (changed > low).all()
        assert (changed < high).all()
        assert (made[:, 2] - 0.5).abs().max() <= 0.0501  # jitter of a tenth
        assert changed.std() > 0
        moved = (made - image)[:, :2].abs().amax((2, 3))
        assert (moved.amax(1) > 0.1).float().mean() > 0.8, "from another place"
        assert (made[:, 2] - 0.5).abs().max() > 0.03
    aspects = []
    for one in ((cutpaste.cut_patch(image) - image).abs() > 1e-4).any(1):
        rows, columns = one.any(1).sum(), one.any(0).sum()
        aspects.append(float(columns / rows))
        assert one.sum() == rows * columns, "a patch is a rectangle inside the image"
    assert 0.2 < min(aspects) < 0.5
    assert 2 < max(aspects) < 4.5


def test_three_ways_are_told_apart():
    method, image = build("cutpaste"), batch(SPEC, 0, size=5).image
    torch.manual_seed(0)
    made = method.generated(image)
    torch.testing.assert_close(made[:5], method.normalised(method.pixels(image)))
    logits = method.eval().score(method.features(made))
    each = [-math.log(F.softmax(z, 0)[n // 5]) for n, z in enumerate(logits.detach())]
    torch.manual_seed(0)
    assert method.given_loss(image).item() == pytest.approx(sum(each) / 15, rel=1e-4)


def test_descriptiveness_is_of_the_textures():
    method, image = build("doc", compactness=0.5).eval(), batch(SPEC, 0).image
    torch.manual_seed(0)
    textures, target = doc.drawn_textures(image)
    with torch.no_grad():
        logits = method.score(method.features(method.normalised(textures)))
        compact = doc.compactness_loss(method.features(image))
        torch.manual_seed(0)
        loss = method.given_loss(image)
    each = [-math.log(F.softmax(z, 0)[k]) for z, k in zip(logits, target, strict=True)]
    expected = sum(each) / len(each) + 0.5 * compact.item()
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_compactness_is_the_distance_to_the_others():
    features = torch.randn(6, 3)
    total = 0.0
    for i in range(6):
        others = torch.stack([features[j] for j in range(6) if j != i]).mean(0)
        total += float(((features[i] - others) ** 2).sum())
    assert doc.compactness_loss(features).item() == pytest.approx(total / (6 * 3), rel=1e-5)
    assert doc.compactness_loss(torch.ones(5, 2)) == 0
    assert doc.compactness_loss(torch.ones(1, 2)) == 0


def test_textures_have_the_direction_and_wavelength_of_their_class():
    torch.manual_seed(0)
    image, target = doc.drawn_textures(torch.zeros(64, 3, 64, 64))
    assert set(target.tolist()) == set(range(8))
    for one, k in zip(image, target.tolist(), strict=True):
        power = (np.abs(np.fft.fft2(one - one.mean((1, 2), keepdim=True))) ** 2).sum(0)
        row, column = np.unravel_index(power[:, :32].argmax(), (64, 32))
        frequency = np.array([column, row - 64 * (row > 32)]) / 64
        assert 1 / np.hypot(*frequency) == pytest.approx(doc.WAVELENGTHS[k // 4], rel=0.2)
        turn = math.atan2(frequency[1], frequency[0]) - math.pi / 4 * (k % 4)
        assert abs(math.sin(turn)) < 0.2


def test_compactness_weighs_lambda():
    given, losses = batch(SPEC, 0), []
    for weight in (0.0, 1.0, 2.0):
        method = build("doc", compactness=weight)
        torch.manual_seed(1)
        losses.append(step(method, given).item())
    assert losses[1] > losses[0]
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-3)


def test_reconstruction_error_is_a_mean_square():
    rebuilt, image = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    expected = [
        np.mean((np.asarray(a) - np.asarray(b)) ** 2) for a, b in zip(rebuilt, image, strict=True)
    ]
    np.testing.assert_allclose(
        autoencoder.reconstruction_error(rebuilt, image), expected, rtol=1e-5
    )


def test_instance_discrimination_is_simclr():
    method = build("knn")
    images = batch(SPEC, 0, views=2, size=4).image
    torch.manual_seed(0)
    loss = step(method, Batch(images, torch.zeros(4).long(), torch.arange(4)))
    with torch.no_grad():
        z = method.projection(method.features(images.flatten(0, 1))).double().numpy()
    total = 0.0
    for i in range(8):
        others = [math.exp(z[i] @ z[a] / 0.5) for a in range(8) if a != i]
        total -= math.log(math.exp(z[i] @ z[i ^ 1] / 0.5) / sum(others))
    assert loss.item() == pytest.approx(total / 8, rel=1e-4)


def test_surprise_is_the_mean_cross_entropy_of_the_operations():
    logits = torch.randn(3, 2, 3)
    for b in range(2):
        each = [-math.log(F.softmax(logits[k, b], 0)[k]) for k in range(3)]
        found = perturbation_occ.surprise(logits)[b].item()
        assert found == pytest.approx(sum(each) / 3, rel=1e-5)


def test_operations_differ_and_keep_what_they_should():
    pixels = torch.rand(4, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    made = [operation(pixels) for operation in perturbation_occ.OPERATIONS]
    assert all(m.shape == pixels.shape and m.min() >= 0 and m.max() <= 1 for m in made)
    for i, one in enumerate(made):
        assert all((one - other).abs().mean() > 0.01 for other in made[:i])
    assert torch.equal(made[0], pixels)
    square = pixels[:, :, 2:4, 4:6].mean((2, 3))
    torch.testing.assert_close(made[2][:, :, 3, 5], square)


def test_the_control_weighs_by_all_counts():
    control = build("supervised_control")
    assert control.request(control.stages[0]).withheld
    expected = np.array([1 / 4693, 1 / 2312])
    np.testing.assert_allclose(control.weight, 2 * expected / expected.sum(), rtol=1e-5)
    assert control.findings() == {"withheld_labels": 2312}
    assert control.spec == SPEC
    few = DataSpec("few", ("a", "b"), (100, 10), (16, 16), track="one_class")
    assert build("supervised_control", spec=few).findings() == {"withheld_labels": 0}


def test_every_generator_makes_a_method():
    method = build("middle_class_occ", knowledge=sorted(GENERATORS))
    assert step(method, batch(SPEC, 0, size=18)).isfinite()
