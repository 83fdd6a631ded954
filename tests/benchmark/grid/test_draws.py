"""Draws and folds of a suite: who gets which, and what a cell's data is then."""

import pytest
import yaml

from medtail.benchmark.grid.again import suite_text
from medtail.benchmark.grid.cell import Cell, Terms
from medtail.benchmark.grid.files import load
from medtail.datamodules.core.errors import MedtailError


@pytest.fixture
def cells(tmp_path):
    def made(text):
        path = tmp_path / "mine.yaml"
        path.write_text("methods: [erm]\nimage_size: 16\n" + text)
        return list(load(str(path)).cells())

    return made


def test_seeds_take_the_draws_in_turn_and_each_has_every_fold(cells):
    found = cells("data: [phantom@lt10]\nseeds: [5, 6, 7, 8]\ndraws: 2\nfolds: 3\n")
    assert [(c.seed, c.terms.draw, c.terms.fold) for c in found] == [
        (seed, draw, fold) for seed, draw in ((5, 0), (6, 1), (7, 0), (8, 1)) for fold in (1, 2, 3)
    ]
    assert len({c.id for c in found}) == 12
    assert len({c.terms.table for c in found}) == 1, "one table"
    assert str(found[-1]) == "erm on phantom@lt10, draw 2, fold 3, seed 8"


def test_a_draw_moves_the_seed_of_the_split_and_nothing_else_does(cells):
    found = cells(
        "data: [{name: phantom@lt10, params: {split_seed: 40}, draws: 2}]\nseeds: [0, 1]\n"
    )
    assert [c.terms.arguments["split_seed"] for c in found] == [40, 41]
    assert found[0].terms.data_params == found[1].terms.data_params
    plain = cells("data: [phantom@lt10]\nseeds: [0, 1]\n")
    assert all("split_seed" not in c.terms.arguments for c in plain)
    (fold,) = {c.terms.arguments["folds"] for c in cells("data: [phantom@natural]\nfolds: 4\n")}
    assert fold == 4
    cut = cells("data: [phantom@lt10]\nvalidation: like_train\n")
    assert cut[0].terms.arguments["validation"] == "like_train"


def test_terms_that_say_nothing_of_it_are_the_cells_they_were():
    assert Cell(method="erm", terms=Terms(data="phantom@natural")).id == "bba418995f58b780"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: [phantom@natural]\nseeds: [0, 1, 2]\ndraws: 2\n", "draws: 2 does not divide 3"),
        ("data: [phantom@natural]\nfolds: 1\n", "of one fold nothing is left to train on"),
        ("data: [phantom@shot5]\nfolds: 3\n", "its test has the rare images of all splits"),
        ("data: [phantom@active]\nfolds: 3\n", "its rounds are scored one by one"),
        ("data: [{name: phantom@natural, params: {folds: 3}}]\n", "folds is a term of a table"),
        ("data: [{name: phantom@natural, params: {fold: 3}}]\n", "write folds beside params"),
    ],
)
def test_what_makes_no_sense_is_one_line(cells, text, said):
    with pytest.raises(MedtailError, match=said):
        cells(text)


def test_a_row_s_suite_asks_for_its_draws_and_folds_again(cells, tmp_path):
    found = cells("data: [phantom@lt10]\nseeds: [0, 1]\ndraws: 2\nfolds: 3\n")
    path = tmp_path / "again.yaml"
    path.write_text(suite_text(found))
    assert {c.id for c in load(str(path)).cells()} == {c.id for c in found}
    alone = suite_text(cells("data: [phantom@lt10]\n"))
    assert not {"draws", "draw", "folds", "fold"} & yaml.safe_load(alone).keys()


def test_seeds_are_written_in_their_order(cells):
    found = cells("data: [phantom@lt10]\nseeds: [100, 3, 20]\n")
    assert yaml.safe_load(suite_text(found))["seeds"] == [3, 20, 100]
