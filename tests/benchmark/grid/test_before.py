"""An argument that came after results were published leaves their identities alone."""

from dataclasses import replace

import pytest

from medtail import methods
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.grid.cell import Cell
from medtail.benchmark.grid.files import load
from medtail.benchmark.grid.suite import Suite
from medtail.benchmark.tracks.sharing import is_shared
from medtail.methods.core.index import of_class, of_source
from tests import ROOT


def cell(name: str, **params: object) -> Cell:
    entry = {"name": name, "params": params}
    (found,) = Suite(methods=[entry], data=["phantom@lt20"], seeds=[0]).cells()
    return found


def as_if(monkeypatch: pytest.MonkeyPatch, name: str, **before: object) -> None:
    """As if arguments of a method had come after some of its results."""
    known, young = methods.describe, replace(methods.describe(name), before=before)
    monkeypatch.setattr(methods, "describe", lambda n: young if n == name else known(n))


@pytest.mark.parametrize("name", methods.own())
def test_it_holds_defaults_and_source_and_class_agree(name):
    before, usual = methods.describe(name).before, methods.defaults(name)
    assert before == {key: usual[key] for key in before}
    assert of_class(name, methods.get(name)).before == before
    assert of_source(name).before == before


def test_at_its_default_an_argument_is_in_no_identity(monkeypatch):
    as_if(monkeypatch, "focal", gamma=2.0)
    young = cell("focal")
    assert young.params == {}
    assert young.row == "focal"
    assert cell("focal", gamma=2.0).id == young.id == Cell(method="focal", terms=young.terms).id
    other = cell("focal", gamma=1.0)
    assert other.params == {"gamma": 1.0}
    assert other.row == "focal(gamma=1.0)"
    assert other.id != young.id


def test_a_training_that_others_share_is_still_theirs(monkeypatch):
    as_if(monkeypatch, "mixup", alpha=methods.defaults("mixup")["alpha"])
    assert is_shared(cell("mixup"))
    assert not is_shared(cell("mixup", alpha=0.25))


def test_committed_results_are_found_by_the_suites_that_asked_for_them():
    """No identity moved: neither by an argument that came later nor by a term."""
    suites = sorted(p.stem for p in (ROOT / "benchmark/suites").glob("isic2018*.yaml"))
    suites += ["sources-frozen", "leaks", "medmnist-recipe"]
    asked = {cell.id for name in suites for cell in load(name).cells()}
    records = [r for p in (ROOT / "leaderboards/records").glob("*.jsonl") for r in read_lines(p)]
    assert len(records) > 800
    assert not {f"{r.cell}" for r in records if r.cell_id not in asked}
