"""The choice inside a fold knows nothing of the fold, and the nested estimate is not flattered."""

import numpy as np
import pytest

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.recommendation.choice import choose, inside_of, outside_of, score

FOLDS, EACH, CLASSES = 4, 30, 3
PLACES = range(1, FOLDS + 1)


def said(folds, strength, rng):
    """Predictions of the images of some folds, right the more often the stronger."""
    ids = np.array([f"{f}-{n}" for f in folds for n in range(EACH)])
    target = np.resize(np.arange(CLASSES), len(ids))
    logits = rng.normal(size=(len(ids), CLASSES)) + strength * np.eye(CLASSES)[target]
    return Predictions.of(ids, ids, target, logits)


def made(outside, inside, seeds=(0,), seed=0):
    """Tests of rows: how strong each is on a fold of its own, and where two are left out."""
    rng, tests = np.random.default_rng(seed), {}
    for row in outside:
        for s in seeds:
            for fold in PLACES:
                tests[row, s, fold, 0] = said([fold], outside[row](fold), rng)
                for other in range(fold + 1, FOLDS + 1):
                    tests[row, s, fold, other] = said([fold, other], inside[row], rng)
    return tests


def test_a_choice_inside_is_of_networks_that_left_out_the_fold():
    always = {"a": lambda _: 0.0, "b": lambda _: 5.0}
    tests = made(always, {"a": 5.0, "b": 0.0})
    found = choose(tests, ["a", "b"], [0], FOLDS)
    assert found.pick == "b", "by all folds"
    assert found.inside == ("a",) * FOLDS, "the folds themselves say b, and are not asked"


def test_what_is_chosen_by_is_every_other_fold_once_and_nothing_of_this_one():
    tests = made({"a": lambda _: 1.0}, {"a": 1.0})
    for fold in PLACES:
        ids = inside_of(tests, "a", 0, fold, FOLDS).id.tolist()
        assert sorted(ids) == sorted(f"{f}-{n}" for f in PLACES if f != fold for n in range(EACH))
        pair = tests["a", 0, min(fold, fold % FOLDS + 1), max(fold, fold % FOLDS + 1)]
        assert set(ids) & set(pair.id.tolist())


def test_a_choice_may_differ_from_fold_to_fold_and_each_is_scored_on_its_own():
    tests = made({"a": lambda _: 1.0, "b": lambda _: 1.0}, {"a": 1.0, "b": 1.0})
    whole = outside_of(tests, ["a", "b", "b", "a"], 0)
    assert len(set(whole.id.tolist())) == FOLDS * EACH
    second = tests["b", 0, 2, 0]
    assert (whole.logits[EACH : 2 * EACH] == second.logits).all()


def test_of_equal_rows_the_first_is_picked():
    tests = made({"a": lambda _: 9.0}, {"a": 9.0})
    tests |= {("z", *key[1:]): value for key, value in tests.items()}
    assert choose(tests, ["z", "a"], [0], FOLDS).pick == "z"
    assert choose(tests, ["a", "z"], [0], FOLDS).inside == ("a",) * FOLDS


def test_seeds_are_averaged_before_a_row_is_picked():
    tests = made({"a": lambda _: 1.5, "b": lambda _: 1.5}, {"a": 1.5, "b": 1.5}, (0, 1))
    tests |= {("a", 1, f, 0): said([f], -4.0, np.random.default_rng(1)) for f in PLACES}
    found = choose(tests, ["a", "b"], [0, 1], FOLDS)
    assert found.pick == "b"
    both = [score(outside_of(tests, ["b"] * FOLDS, s)) for s in (0, 1)]
    assert found.scores["b"] == pytest.approx(np.mean(both))


def test_the_best_of_rows_that_know_nothing_looks_good_and_nested_it_does_not():
    rows = {f"r{n}": lambda _: 0.0 for n in range(12)}
    picked, nested = [], []
    for seed in range(25):
        tests = made(rows, dict.fromkeys(rows, 0.0), seed=seed)
        found = choose(tests, list(rows), [0], FOLDS)
        picked.append(found.scores[found.pick])
        nested.append(score(outside_of(tests, found.inside, 0)))
    assert np.mean(picked) > 1 / CLASSES + 0.05
    error = np.std(nested, ddof=1) / np.sqrt(len(nested))
    assert abs(np.mean(nested) - 1 / CLASSES) < 3 * error
