"""Curves and confusion of rows: means over seeds of their stored predictions."""

import numpy as np

from medtail.benchmark.boards.row_curves import places, row_curves
from medtail.benchmark.boards.section import sections
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import one_class as scores_of
from medtail.benchmark.metrics.score_curves import precision, roc
from tests.boards import done, few_shot, one_class


def stored(finished):
    return {r.cell_id: p for r, p in finished if p is not None}


def thousandths(curves):
    return np.rint(1000 * np.mean(curves, 0)).tolist()


def test_a_row_has_the_means_of_its_seeds():
    finished = [done("erm", s) for s in (0, 1, 2)]
    (section,) = sections([r for r, _ in finished])
    found = row_curves(section, stored(finished))["erm"]
    for k in range(3):
        for name, curve in (("roc", roc), ("precision", precision)):
            each = [curve(p.probabilities[:, k], p.target == k) for _, p in finished]
            assert found[name][k] == thousandths(each)
            assert len(found[name][k]) == len(places()[name])
    each = [
        [[((p.target == k) & (p.logits.argmax(1) == j)).sum() for j in range(3)] for k in range(3)]
        for _, p in finished
    ]
    assert found["confusion"] == np.sum(each, 0).tolist()


def test_a_class_without_images_has_no_curve_and_a_row_without_predictions_none():
    finished = [done("erm", s, absent=(1,)) for s in (0, 1)] + [
        done("ldam", s, absent=(1,)) for s in (0, 1)
    ]
    (section,) = sections([r for r, _ in finished])
    found = row_curves(section, stored(finished[:3]))  # a seed of ldam has none
    assert found.keys() == {"erm"}
    assert found["erm"]["roc"][1] is None
    assert found["erm"]["precision"][1] is None
    assert found["erm"]["roc"][0] is not None


def test_one_class_rows_have_every_abnormal_class_against_the_given_one():
    made = [one_class(s, seed=0)[0] for s in ("a", "b")]
    rng = np.random.default_rng(0)
    source = rng.integers(0, 4, 200)
    id = np.array([f"s{n}" for n in range(200)])
    given = {}
    for n, record in enumerate(made):
        logits = rng.normal(size=(200, 2)) + np.eye(2)[(source != 2) * 1] * (n + 1)
        target = (source != 2).astype(np.int64)  # class 2 of the dataset is given
        given[record.cell_id] = Predictions.of(id, id, target, logits, None, source)
    (section,) = sections(made)
    found = row_curves(section, given)
    for record in made:
        p = given[record.cell_id]
        score, row = scores_of.log_odds(p), found[record.cell.method]
        assert row["roc_all"] == thousandths([roc(score, p.target == 1)])
        for place, k in enumerate((0, 1, 3)):
            mine = (source == 2) | (source == k)
            assert row["roc"][place] == thousandths([roc(score[mine], source[mine] == k)])
            expected = thousandths([precision(score[mine], source[mine] == k)])
            assert row["precision"][place] == expected
        assert "confusion" not in row


def test_few_shot_scores_belong_to_their_episodes():
    made = [few_shot(seed=s) for s in (0, 1)]
    (section,) = sections([r for r, _ in made])
    assert row_curves(section, {}) == {}


def test_both_curves_are_whole_numbers_within_a_thousand():
    finished = [done("erm", s) for s in (0, 1)]
    (section,) = sections([r for r, _ in finished])
    found = row_curves(section, stored(finished))["erm"]
    numbers = [n for name in ("roc", "precision") for line in found[name] for n in line]
    assert all(isinstance(n, int) for n in numbers)
    assert min(numbers) >= 0
    assert max(numbers) <= 1000
    assert found["roc"][0][-1] == 1000
    assert found["precision"][0][-1] >= 333  # a third of the images, which chance gives
