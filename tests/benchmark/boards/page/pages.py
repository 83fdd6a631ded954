"""Documents of made-up boards, and readers of a page that a browser shows."""

import pytest

from medtail.benchmark.boards import json_form
from medtail.benchmark.boards.row_curves import row_curves
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import compute
from tests.boards import COST
from tests.chromium import find

REAL = "isic2018@natural"
EVIL = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
needs_chromium = pytest.mark.skipif(
    find() is None, reason="NO CHROMIUM: the page is not tested; install Debian's package chromium"
)


def document(boards):
    """Of finished (record, predictions) by board."""
    parts, known, curves = {}, {}, {}
    for slug, finished in boards.items():
        parts[slug] = sections([record for record, _ in finished])
        stored = {record.cell_id: scores for record, scores in finished if scores is not None}
        known[slug] = [compute(part, stored, "key") for part in parts[slug]]
        curves[slug] = [row_curves(part, stored) for part in parts[slug] if stored] or ()
    return json_form.document(parts, known, curves)


def seeds(make, methods, **changes):
    return [make(m, s, cost=COST, **changes) for m in methods for s in (0, 1)]


def table(browser):
    """Row name -> metric -> values in the page's table, in its order."""
    script = """[...document.querySelectorAll('tr[data-row]')].map(row => [row.dataset.row,
        [...row.querySelectorAll('[data-key]')].map(c => [c.dataset.key, c.dataset.value])])"""
    return {
        name: [(k, float(v) if v else None) for k, v in cells]
        for name, cells in browser.run(script)
    }
