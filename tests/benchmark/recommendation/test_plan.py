"""What is asked for: cells of folds and of pairs of folds; what cannot be is one line."""

import numpy as np
import pytest

from medtail.benchmark.grid.cell import Terms
from medtail.benchmark.recommendation.plan import pairs, plan, too_few
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.table import SampleTable
from tests.benchmark.cells import cell

NONE = {"weights": "none", "backbone": "test_resnet"}


def test_every_two_folds_are_left_out_together_once():
    cells = [cell("erm", seed, folds=4, fold=f) for seed in (0, 1) for f in range(1, 5)]
    found = pairs(cells)
    left = [(c.terms.fold, c.terms.beside) for c in found if c.seed == 1]
    assert left == [(a, b) for a in range(1, 5) for b in range(a + 1, 5)]
    assert len({c.id for c in (*cells, *found)}) == 8 + 12
    assert found[0].terms.arguments["beside"] == 2
    assert str(found[0]) == "erm on phantom@natural, folds 1 and 2, seed 0"


def test_cells_without_a_second_fold_are_as_they_were():
    plain = Terms(data="phantom@natural", folds=5, fold=2)
    assert "beside" not in plain.content
    assert "beside" not in plain.arguments
    assert Terms.model_validate(plain.model_dump()) == plain
    both = plain.model_copy(update={"beside": 3})
    assert both.content != plain.content
    assert both.table == plain.table, "they are of one row"


def test_the_plan_of_phantom():
    found = plan("phantom", 3, 2, NONE | {"image_size": 16})
    assert found.data == "phantom@natural"
    rows = {c.row for c in found.cells}
    assert len(rows) == 6
    assert len(found.cells) == 6 * 3 * 2
    assert len(found.pairs) == 6 * 3 * 2
    assert {c.terms.budget.tune for c in found.cells} == {"frozen"}
    assert found.facts.grouped
    assert not found.facts.held_out
    assert found.cells[0].terms.image_size == (16, 16)


@pytest.mark.parametrize(
    ("name", "folds", "terms", "told"),
    [
        ("phantom@shot1", 5, {}, "drop the regime shot1"),
        ("phantom", 2, {}, "--folds 2: take 3 or more"),
        ("phantom", 3, NONE | {"head": "deep"}, "head"),
        ("fantom", 5, {}, "phantom"),
        ("phantom", 3, {"features": "nowhere.parquet"}, "no such file"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(name, folds, terms, told):
    with pytest.raises(MedtailError, match=told) as caught:
        plan(name, folds, 1, terms)
    assert "\n" not in str(caught.value)


def table(amounts, images=2):
    """Groups of each class, of some images each."""
    target = np.repeat(np.arange(len(amounts)), [n * images for n in amounts])
    group = np.array([f"g{n // images}" for n in range(len(target))])
    return SampleTable(np.array([f"i{n}" for n in range(len(target))]), target, group)


def test_a_tiny_class_is_told_with_what_is_possible():
    given = table([30, 4, 9])
    kept = np.ones(len(given), bool)
    names = ("nevus", "melanoma", "other")
    assert too_few(given, kept, names, 4) == ""
    five = too_few(given, kept, names, 5)
    assert five.startswith("melanoma has 4 groups, and 5 folds need 5 of each class")
    assert "take --folds 4" in five
    ten = too_few(given, kept, names, 10)
    assert "melanoma has 4, other has 9 groups" in ten
    two = too_few(table([30, 2]), np.ones(64, bool), names[:2], 5)
    assert "--folds" not in two
    assert "merge" in two


def test_images_of_a_test_that_the_data_bring_are_no_groups_of_folds():
    given = table([30, 6])
    kept = np.ones(len(given), bool)
    kept[60:66] = False
    assert "b has 3 groups" in too_few(given, kept, ("a", "b"), 5)
