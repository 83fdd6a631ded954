"""Middle classes: the loss in loops, what is generated, learnt and reported."""

import math
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.middle_classes.registry import GENERATORS, controls
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


def test_every_generator_makes_a_method():
    method = build("middle_class_occ", knowledge=sorted(GENERATORS))
    assert step(method, batch(SPEC, 0, size=18)).isfinite()


def test_weights_of_the_middle_classes_are_those_given():
    logits, target = torch.randn(11, 4), torch.tensor([0] * 6 + [1, 1, 1, 2, 3])
    given = (0.2, 0.0, 2.5)
    total = 0.0
    for j, weight in enumerate((1, *given)):
        each = [-math.log(F.softmax(z, 0)[j]) for z in logits[target == j]]
        total += weight * sum(each) / len(each)
    assert middle_class_loss(logits, target, given).item() == pytest.approx(total, rel=1e-5)
    method, plain = (build("middle_class_occ", class_weights=w) for w in ([1, 1, 1], None))
    image = batch(SPEC, 0, size=18).image
    torch.manual_seed(1)
    heavy = method.given_loss(image).item()
    torch.manual_seed(1)
    assert heavy > plain.given_loss(image).item()
    for bad in ([1, 1], "x", [1, 1, -1], [1, 1, True]):
        with pytest.raises(MedtailError, match="class_weights"):
            build("middle_class_occ", class_weights=bad)


def test_labelled_abnormal_images_are_a_class_and_the_middle_ones_do_not_score():
    spec = replace(SPEC, class_counts=(90, 10))
    method = build("middle_class_occ", spec=spec, auxiliary=True, identity=0.0)
    assert method.classifier.out_features == 5
    given, abnormal = batch(spec, 0, size=9), batch(spec, 3, size=4, target=1)
    both = Batch(
        torch.cat([given.image, abnormal.image]), torch.tensor([0] * 9 + [1] * 4), torch.arange(13)
    )
    method.eval()
    torch.manual_seed(2)
    found = method.loss(both).item()
    torch.manual_seed(2)
    made, target = method.generated(given.image)
    log_p = method.score(method.features(torch.cat([made, abnormal.image]))).log_softmax(1)
    labels = [*target.tolist(), *[4] * 4]
    expected = 0.0
    for j, weight in enumerate((1, 1 / 3, 1 / 3, 1 / 3, 1)):
        each = [-log_p[n, j].item() for n, label in enumerate(labels) if label == j]
        expected += weight * sum(each) / len(each)
    assert found == pytest.approx(expected, rel=1e-4)
    logits = method.score(method.features(abnormal.image))
    torch.testing.assert_close(method.abnormality(abnormal.image), logits[:, 4] - logits[:, 0])
    with pytest.raises(MedtailError, match="take binary<ratio>"):
        build("middle_class_occ", auxiliary=True)


def test_without_middle_classes_it_is_the_density_of_untrained_features():
    method = build("middle_class_occ", knowledge="none", score="density")
    assert method.stages == ()
    assert build("middle_class_occ").stages != ()
    given = [batch(SPEC, n, size=16) for n in range(3)]
    method.conclude(given, [])
    assert method.findings() == {"identity_auroc": 0.5}
    far = method.abnormality(given[0].image * 9)
    assert far.mean() > method.abnormality(given[0].image).mean()
    with pytest.raises(MedtailError, match="write score: density"):
        build("middle_class_occ", knowledge="none")


@pytest.mark.parametrize("knowledge", ["cutpaste", "rotation", "noise"])
def test_controls_of_the_claim_train_and_turns_are_not_augmented(knowledge):
    method = build("middle_class_occ", knowledge=knowledge)
    assert step(method, batch(SPEC, 0, size=12)).isfinite()
    assert method.request(method.stages[0]).augment is (knowledge != "rotation")
