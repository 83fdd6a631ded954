"""docs/suites.md, Recipes of others: its figures are those of the committed records."""

import re
import statistics

import pytest

from medtail.benchmark.evidence.record import read_lines
from tests import ROOT

TEXT = (ROOT / "docs/suites.md").read_text()
ROWS = re.findall(r"^\| (\w+mnist) \| (\d) of 5 \| (.*) \|$", TEXT, re.M)


def test_the_table_is_there():
    assert ROWS


@pytest.mark.parametrize(("name", "seeds", "cells"), ROWS, ids=[name for name, *_ in ROWS])
def test_figures_are_those_of_the_records(name, seeds, cells):
    every = read_lines(ROOT / f"leaderboards/records/{name}@natural.jsonl")
    records = [r for r in every if r.cell.terms.backbone == "resnet18+cifar"]
    assert len(records) == int(seeds)
    told = cells.split(" | ")
    for key, within, (published, ours, same) in (
        ("macro_auc", 0.02, told[:3]),
        ("accuracy", 0.03, told[3:]),
    ):
        values = [r.metrics[key] for r in records]
        mean = statistics.mean(values)
        expected = [mean, statistics.stdev(values)]
        assert [float(one) for one in ours.split(" ± ")] == pytest.approx(expected, abs=0.0005)
        assert (abs(mean - float(published)) <= within) == (same == "yes")
