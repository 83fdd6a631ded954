"""What is refused in one line, and which engine is taken."""

import pytest

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.submodular import information, library, search
from medtail.methods.core.submodular.information import select
from medtail.methods.core.submodular.similarity import (
    take,
)
from tests.methods.core.submodular.definitions import ENGINES, EVERY, N, vectors


@EVERY
@ENGINES
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_are_refused(function, engine, bad):
    pool, query = vectors(0)
    pool[1][3, 0] = bad
    with pytest.raises(MedtailError, match=f"{function}: .*not finite"):
        select(function, pool, query, 3, engine=engine)


@ENGINES
@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        ("logdetmi", {"eta": 1.4}, "eta must be at most 1"),
        ("logdetmi", {"ridge": 0.0}, "above 0"),
        ("flqmi", {"eta": float("nan")}, "above 0 and finite"),
        ("flqmi", {"eta": -1.0}, "above 0"),
        ("flqmi", {"budget": N + 1}, "61 images cannot be picked from 60"),
        ("flqmi", {"budget": 0}, "0 images"),
        ("flmi", {}, "unknown submodular function"),
    ],
)
def test_bad_arguments_are_one_line(function, options, words, engine):
    pool, query = vectors(0)
    budget = options.get("budget", 3)
    options = {k: v for k, v in options.items() if k != "budget"}
    with pytest.raises(MedtailError, match=words):
        select(function, pool, query, budget, engine=engine, **options)


def test_an_empty_query_and_an_unknown_engine_are_refused():
    pool, query = vectors(0)
    with pytest.raises(MedtailError, match="query set is empty"):
        select("gcmi", pool, take(query, slice(0, 0)), 3)
    with pytest.raises(MedtailError, match="unknown engine"):
        select("gcmi", pool, query, 3, engine="fast")
    picks, _ = select("facility_location", pool, take(query, slice(0, 0)), 3)
    assert len(picks) == 3


def test_a_wrong_answer_of_submodlib_is_an_error(monkeypatch):
    class Broken:
        def maximize(self, *_, **__):
            return [(-1, -1.8e308), (-1, -1.8e308)]

    monkeypatch.setattr(library, "_build", lambda _: Broken())
    with pytest.raises(MedtailError, match="submodlib found no 2 images"):
        select("flqmi", *vectors(0), 2, engine="submodlib")


def test_auto_takes_the_engine_that_was_measured_to_be_faster(monkeypatch):
    used = []
    monkeypatch.setattr(information, "installed", lambda _: True)  # on Python 3.13, too
    for name, module in (("submodlib", library), ("vectorised", search)):
        monkeypatch.setattr(
            module,
            "maximise",
            lambda p, b, *_, name=name: (used.append(name), ([0] * b, [0.0] * b))[1],
        )
    pool, query = vectors(0, pool=2000, query=10)
    for function, budget in (("flqmi", 100), ("flqmi", 500), ("com", 500), ("logdetmi", 500)):
        select(function, pool, query, budget)
    assert used == ["vectorised", "submodlib", "submodlib", "vectorised"]
