"""What is said before anything is trained: cells that make no sense, rules that cannot be."""

import pytest
from rich.console import Console

from medtail.benchmark.execution import preflight
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.datamodules.core.errors import MedtailError

PHANTOM = {"count": 300}


def cell(data: str, method: str = "erm", **terms) -> Cell:
    given = Terms(
        data=data, data_params=PHANTOM, image_size=(8, 8), budget=Budget(epochs=2), **terms
    )
    return Cell(method=method, terms=given)


def test_a_cell_that_makes_no_sense_is_said_and_left_out():
    console = Console(record=True, width=200)
    cells = [cell("phantom@natural"), cell("phantom@oneclass"), cell("phantom@shot1")]
    kept = preflight.applicable(cells, console)
    assert kept == [cells[0], cells[2]]
    said = console.export_text()
    assert "n/a: erm on phantom@oneclass: it learns from abnormal labels" in said
    assert said.count("n/a") == 1


def test_nothing_that_makes_sense_is_a_mistake():
    with pytest.raises(MedtailError, match="none of these methods"):
        preflight.applicable([cell("phantom@oneclass")], Console(quiet=True))


def test_binary_gives_labels_to_any_method():
    cells = [cell("phantom@binary5")]
    assert preflight.applicable(cells, Console(quiet=True)) == cells


def test_one_class_data_cannot_choose_an_epoch():
    with pytest.raises(MedtailError, match="selection: last"):
        preflight.check([cell("phantom@oneclass")], Console(quiet=True))
    preflight.check([cell("phantom@oneclass", selection="last")], Console(quiet=True))
