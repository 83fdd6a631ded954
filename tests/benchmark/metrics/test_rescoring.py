"""What a record says against what its predictions give."""

import pytest

from medtail.benchmark.metrics import few_shot, one_class
from medtail.benchmark.metrics.rescoring import refuted
from tests import boards
from tests.benchmark.metrics import test_few_shot, test_one_class
from tests.boards import done


def without(record, *names):
    kept = {k: v for k, v in record.metrics.items() if k not in names}
    return record.model_copy(update={"metrics": kept})


def test_a_record_of_its_predictions_is_borne_out():
    record, test = done()
    assert refuted(record, test) == ""
    assert refuted(without(record, "macro_f1"), test) == "", "an older record has fewer numbers"
    assert refuted(record, test, test) == "", "what it was made without is not asked of it"


@pytest.mark.parametrize("part", ["metrics", "balanced"])
@pytest.mark.parametrize("by", [1e-3, -1e-3, 1.7e-6, 1e-8])
def test_a_number_that_predictions_do_not_give_is_named(part, by):
    record, test = done()
    numbers = getattr(record, part)
    other = {**numbers, "macro_auc": numbers["macro_auc"] + by}
    found = refuted(record.model_copy(update={part: other}), test)
    assert found.startswith("its macro_auc is ") == (abs(by) > 1e-6), found


def test_an_entry_of_a_class_is_looked_at_and_their_number():
    record, test = done()
    recall = record.metrics["recall"]
    for other in ([*recall[:-1], recall[-1] + 0.01], recall[:-1]):
        changed = record.model_copy(update={"metrics": record.metrics | {"recall": other}})
        assert "its recall is" in refuted(changed, test)


def test_predictions_of_another_training_are_not_its_own():
    record, test = done()
    _, other = done(seed=1)
    assert refuted(record, other) == (
        f"computed from predictions {test.digest}, not from these ({other.digest})"
    )
    held = record.model_copy(update={"validation": other.digest})
    assert "predictions of validation" in refuted(held, test, test)
    assert refuted(held, test) == "", "without validation beside it nothing is said of it"


def test_what_validation_decides_is_looked_at_where_it_lies_there():
    record, test = done()
    _, val = done(seed=2)
    both = record.model_copy(
        update={"metrics": record.metrics | {"fitted_balanced_accuracy": 0.123}}
    )
    assert refuted(both, test) == ""
    assert "its fitted_balanced_accuracy is 0.123" in refuted(both, test, val)


@pytest.mark.parametrize("metric", ["auroc", "auprc", "class_auroc"])
def test_a_one_class_record_is_held_against_its_predictions(metric):
    test, val = test_one_class.drawn(0), test_one_class.drawn(1)
    scored = one_class.score(test, val, test_one_class.NAMES)
    record, _ = boards.one_class(scored_names=("mel", "bcc", "vasc"), metrics=scored)
    assert refuted(record, test, val) == ""
    found = scored[metric]
    other = [None, *found[1:]] if isinstance(found, list) else 1 - found
    changed = record.model_copy(update={"metrics": record.metrics | {metric: other}})
    assert f"its {metric} is" in refuted(changed, test, val)


@pytest.mark.parametrize("metric", ["episode_auc", "episode_accuracy", "class_auc"])
def test_a_few_shot_record_is_held_against_its_predictions(metric):
    test = test_few_shot.predictions(2)
    scored = few_shot.score_episodes(test, test_few_shot.NAMES)
    record, _ = boards.few_shot(scored_names=test_few_shot.NAMES, metrics=scored)
    assert refuted(record, test) == ""
    found = scored[metric]
    other = [None, *found[1:]] if isinstance(found, list) else found + 0.01
    changed = record.model_copy(update={"metrics": record.metrics | {metric: other}})
    assert f"its {metric} is" in refuted(changed, test)
