"""docs/monica.md and the suite ``monica`` hold every row of MONICA's table, and nothing unknown."""

import re

from medtail import methods
from medtail.benchmark.grid.files import load
from tests import ROOT

ROW = re.compile(r"^\| (\d+) \| .+? \| `(\w+)` \|", re.M)


def test_every_row_of_the_table_has_a_method_that_exists_and_runs_in_the_suite():
    rows = ROW.findall((ROOT / "docs/monica.md").read_text())
    assert [int(number) for number, _ in rows] == list(range(1, 31))
    slugs = {slug for _, slug in rows}
    assert slugs <= methods.registry().keys()
    cells = list(load("monica", ()).cells())
    assert {cell.method for cell in cells} == slugs
    assert len({cell.terms.data for cell in cells}) == 10
    assert len(cells) == len(slugs) * 10 * 3
