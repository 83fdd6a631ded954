"""Other priors: the boards' own formulas, scikit-learn's, samples drawn anew, and Bayes' rule."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from medtail.benchmark.boards.summary import summary
from medtail.benchmark.decisions import priors
from medtail.benchmark.metrics import operating_point
from medtail.benchmark.metrics.long_tail import score
from tests import ROOT
from tests.benchmark.decisions.made import COUNTS, made

TURNED = priors.priors(COUNTS)["tail-heavy"]


def test_named_priors():
    named = priors.priors((10, 60, 30))
    assert named["head-heavy"] == pytest.approx([0.1, 0.6, 0.3])
    assert named["uniform"] == pytest.approx([1 / 3] * 3)
    assert named["tail-heavy"] == pytest.approx([0.6, 0.1, 0.3])
    assert priors.priors((5, 5))["tail-heavy"] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("prior", [np.array([0.2, 0.5, 0.3]), TURNED])
def test_metrics_are_scikit_learns_with_weights(prior):
    given = made(0)
    each = np.array([prior[k] / (given.target == k).sum() for k in given.target])
    chosen = priors.plain(given)
    found = priors.decided(given.target, chosen, prior)
    words = {"sample_weight": each}
    assert found["accuracy"] == pytest.approx(accuracy_score(given.target, chosen, **words))
    f1 = f1_score(given.target, chosen, average="macro", **words)
    assert found["macro_f1"] == pytest.approx(f1)
    assert found["mcc"] == pytest.approx(matthews_corrcoef(given.target, chosen, **words))
    auc = [
        roc_auc_score(given.target == k, given.probabilities[:, k], sample_weight=each)
        for k in range(3)
    ]
    assert priors.macro_auc(given, prior) == pytest.approx(np.mean(auc))


def test_at_the_tests_own_and_the_uniform_prior_they_are_the_boards():
    given = made(0)
    own = np.bincount(given.target) / len(given.target)
    for prior, name in ((own, "natural"), (np.ones(3) / 3, "balanced")):
        known = score(given, None, COUNTS, False, name)
        found = priors.decided(given.target, priors.plain(given), prior)
        for metric in found:
            assert found[metric] == pytest.approx(known[metric]), metric
        assert priors.macro_auc(given, prior) == pytest.approx(known["macro_auc"])


def test_recall_knows_no_prior():
    given = made(0)
    found = [
        priors.decided(given.target, priors.plain(given), p)["balanced_accuracy"]
        for p in priors.priors(COUNTS).values()
    ]
    assert found == pytest.approx([found[0]] * 3)


def test_a_class_without_a_test_image_counts_for_nothing():
    given = made(0)
    target = np.where(given.target == 2, 0, given.target)
    assert priors.weights(target, np.array([0.2, 0.3, 0.5])).sum() == pytest.approx(1)
    found = priors.decided(target, target, np.array([0.2, 0.3, 0.5]))
    assert [found["accuracy"], found["macro_f1"]] == pytest.approx([1, 1])


def test_the_page_says_the_same(tmp_path):
    """``prior.js`` is run, where there is a node."""
    given, script = made(0), (ROOT / "benchmark/boards/page/prior.js").read_text()
    known = summary(0, given).model_dump()
    prior = TURNED.tolist()
    text = f"const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;\n{script}\n"
    text += f"console.log(JSON.stringify(reweigh({json.dumps(known)}, {json.dumps(prior)})));"
    Path(tmp_path / "a.js").write_text(text)
    try:
        done = subprocess.run(["node", tmp_path / "a.js"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no node")
    page = json.loads(done.stdout)
    found = priors.decided(given.target, priors.plain(given), TURNED)
    found["macro_auc"] = priors.macro_auc(given, TURNED)
    for metric, value in found.items():
        assert value == pytest.approx(page[metric], abs=1e-5), metric


def test_the_ratio_is_bayes_rule_and_nothing_at_the_training_prior():
    given, trained = made(0), np.array(COUNTS) / sum(COUNTS)
    assert (priors.by_ratio(given, trained, trained) == priors.plain(given)).all()
    moved = given.probabilities * TURNED / trained
    assert (priors.by_ratio(given, TURNED, trained) == moved.argmax(1)).all()


def test_following_a_prior_pays_under_it():
    """Probabilities of nature, moved by the ratio, are best where nature has the new prior."""
    given, trained = made(0, (8000, 2400, 1200)), np.array(COUNTS) / sum(COUNTS)
    plain, moved = (
        priors.decided(given.target, chosen, TURNED)["accuracy"]
        for chosen in (priors.plain(given), priors.by_ratio(given, TURNED, trained))
    )
    assert moved > plain + 0.05


def test_the_fit_repairs_what_the_ratio_counts_twice():
    """A network that stands for the uniform prior: the ratio overdoes it, the fit does not."""
    trained = np.array(COUNTS) / sum(COUNTS)
    many = (8000, 2400, 1200)
    tilted = made(0, many, shift=tuple(-np.log(trained)))
    point = operating_point.fitted(made(1, many, shift=tuple(-np.log(trained))))
    fair = made(0, many)
    best = priors.decided(fair.target, priors.by_ratio(fair, TURNED, trained), TURNED)
    fit = priors.decided(tilted.target, priors.fitted(tilted, point, TURNED).argmax(1), TURNED)
    twice = priors.decided(tilted.target, priors.by_ratio(tilted, TURNED, trained), TURNED)
    assert fit["accuracy"] == pytest.approx(best["accuracy"], abs=0.01)
    assert twice["macro_f1"] < best["macro_f1"] - 0.02
    assert priors.fitted(tilted, point, TURNED).sum(1) == pytest.approx(np.ones(len(tilted.id)))


def test_the_fit_follows_a_prior_from_whatever_prior_a_network_stands_for():
    many = (8000, 2400, 1200)
    # Of ``made``, whose classes are not quite as common as its counts.
    nature = np.bincount(made(0, many).target) / sum(many)
    for shift in ((0.0, 0.0, 0.0), (2.0, -1.0, 0.5)):
        given, held = (made(seed, many, shift=shift) for seed in (0, 1))
        found = priors.fitted(given, operating_point.fitted(held), TURNED)
        fair = made(0, many).probabilities * TURNED / nature
        assert found == pytest.approx(fair / fair.sum(1, keepdims=True), abs=0.03)
