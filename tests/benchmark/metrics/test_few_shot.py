"""Metrics of episodes against scikit-learn and scipy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.few_shot import score_episodes
from medtail.datamodules.core.errors import MedtailError

NAMES = ("a", "b", "c", "never")


def predictions(ways, episodes=50, queries=6, skill=1.0, seed=0):
    """Random scores of episodes of ``ways`` of the first three classes."""
    rng = np.random.default_rng(seed)
    target = np.tile(np.arange(ways).repeat(queries), episodes)
    source = np.concatenate(
        [rng.choice(3, ways, replace=False).repeat(queries) for _ in range(episodes)]
    )
    logits = rng.normal(size=(len(target), ways)) + skill * np.eye(ways)[target]
    episode = np.arange(episodes).repeat(ways * queries)
    ids = np.array([f"i{n}" for n in range(len(target))])
    return Predictions.of(ids, ids, target, logits, episode, source)


def reference(test):
    aucs, accuracies = [], []
    for e in np.unique(test.episode):
        at = test.episode == e
        p, y = test.probabilities[at], test.target[at]
        score = p[:, 1] if p.shape[1] == 2 else p
        aucs.append(roc_auc_score(y, score, multi_class="ovr", average="macro"))
        accuracies.append(accuracy_score(y, p.argmax(1)))
    return np.array(aucs), np.array(accuracies)


@pytest.mark.parametrize("ways", [2, 3])
def test_against_scikit_learn(ways):
    test = predictions(ways)
    auc, accuracy = reference(test)
    scored = score_episodes(test, NAMES)
    assert scored["episodes"] == 50
    for name, values in (
        ("episode_auc", auc),
        ("episode_auc_30", auc[:30]),
        ("episode_accuracy", accuracy),
    ):
        assert scored[name] == pytest.approx(values.mean(), abs=1e-12)
        low, high = stats.norm.interval(0.95, values.mean(), stats.sem(values))
        assert scored[f"{name}_ci95"] == pytest.approx((high - low) / 2, rel=1e-6)


def test_classes():
    test = predictions(2)
    auc, _ = reference(test)
    scored = score_episodes(test, NAMES)
    for c in range(3):
        inside = [c in test.source_class[test.episode == e] for e in range(50)]
        assert 0 < sum(inside) < 50
        assert scored["class_auc"][c] == pytest.approx(auc[inside].mean())
        rows = test.source_class == c
        right = test.probabilities[rows].argmax(1) == test.target[rows]
        assert scored["recall"][c] == pytest.approx(right.mean())
    assert scored["class_auc"][3] is None
    assert scored["recall"][3] is None


def test_uneven_queries_have_a_class_average():
    """Sun et al. 2024 give both: the share of all queries, and the mean of the classes' shares."""
    even = predictions(3, episodes=9)
    assert "episode_class_average" not in score_episodes(even, NAMES)
    kept = (even.target > 0) | (np.arange(len(even.id)) % 3 == 0)
    columns = ("id", "group", "target", "logits", "episode", "source_class")
    test = Predictions(*(getattr(even, c)[kept] for c in columns))
    accuracies, averages = [], []
    for e in range(9):
        y, p = (part[test.episode == e] for part in (test.target, test.probabilities.argmax(1)))
        assert list(np.bincount(y)) == [2, 6, 6]
        accuracies.append(accuracy_score(y, p))
        averages.append(balanced_accuracy_score(y, p))
    scored = score_episodes(test, NAMES)
    assert scored["episode_class_average"] == pytest.approx(np.mean(averages))
    assert scored["episode_accuracy"] == pytest.approx(np.mean(accuracies))
    assert abs(np.mean(averages) - np.mean(accuracies)) > 0.005


def test_skill_shows_and_a_mirror_is_its_opposite():
    weak, strong = (score_episodes(predictions(2, skill=s), NAMES) for s in (0, 3))
    assert abs(weak["episode_auc"] - 0.5) < 0.06
    assert strong["episode_auc"] > 0.95
    test = predictions(2)
    mirrored = Predictions(
        test.id, test.group, test.target, test.logits[:, ::-1], test.episode, test.source_class
    )
    auc = score_episodes(test, NAMES)["episode_auc"]
    assert score_episodes(mirrored, NAMES)["episode_auc"] == pytest.approx(1 - auc)


def test_the_order_of_rows_does_not_matter():
    test = predictions(3)
    order = np.random.default_rng(1).permutation(len(test.id))
    columns = ("id", "group", "target", "logits", "episode", "source_class")
    shuffled = Predictions(*(getattr(test, c)[order] for c in columns))
    once, again = score_episodes(test, NAMES), score_episodes(shuffled, NAMES)
    for name, value in once.items():
        assert np.allclose(np.array(again[name], float), np.array(value, float), equal_nan=True)


def test_one_episode_has_no_interval():
    scored = score_episodes(predictions(2, episodes=1), NAMES)
    assert scored["episode_auc_ci95"] is None
    assert scored["episode_auc"] == scored["episode_auc_30"]


def test_what_cannot_be_scored_is_said():
    test = predictions(2)
    plain = Predictions(test.id, test.group, test.target, test.logits)
    with pytest.raises(MedtailError, match="no episodes to score"):
        score_episodes(plain, NAMES)
    target = np.where(test.episode == 7, 0, test.target)
    lopsided = Predictions(
        test.id, test.group, target, test.logits, test.episode, test.source_class
    )
    with pytest.raises(MedtailError, match="episode 7 does not have queries of every class"):
        score_episodes(lopsided, NAMES)
