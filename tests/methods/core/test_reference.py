"""The reference engines are no requirement: every method works without them."""

import re
import sys

import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.reference import HOW, installed, reference
from medtail.methods.core.submodular import information
from medtail.methods.core.submodular.information import faster, select
from medtail.methods.core.submodular.problem import Problem
from tests import ROOT, commands


@pytest.fixture
def without(monkeypatch):
    for name in HOW:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("package", "how"), [("learn2learn", "make setup"), ("submodlib", r"medtail\[reference\]")]
)
def test_its_absence_is_one_line_that_says_how_to_get_it(without, package, how):
    assert not installed(package)
    with pytest.raises(MedtailError, match=f"{package} is not installed.*{how}") as caught:
        reference(package)
    assert "\n" not in str(caught.value)


def test_the_faster_engine_is_ours_where_the_other_is_missing(monkeypatch):
    pool, query = (torch.rand(30, 3),), (torch.rand(2, 3),)
    problem = Problem("flqmi", pool, query)
    monkeypatch.setattr(information, "installed", lambda _: True)
    assert faster(problem, 20) == "submodlib"
    monkeypatch.setattr(information, "installed", installed)
    monkeypatch.setitem(sys.modules, "submodlib", None)
    assert faster(problem, 20) == "vectorised"
    picks, _ = select("flqmi", pool, query, 20)
    assert len(set(picks.tolist())) == 20


@pytest.mark.slow
def test_every_method_works_without_them():
    """One contract test of each track over the registry, where neither can be imported."""
    files = [f"tests/methods/test_{name}.py" for name in ("contract", "active", "few_shot")]
    each = ("own_stages_learn", "choice_has_the_budget", "adapting_learns_an_episode")
    chosen = f"({' or '.join(each)}) and not submodlib and not learn2learn"
    words = ("-p", "tests.without_references", "-k", chosen, "-x")
    done = commands.run("-m", "pytest", *words, *files, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 100
