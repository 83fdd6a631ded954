"""Other class priors: what the page recomputes is what the records hold."""

import numpy as np
import pytest

from medtail.benchmark.boards.section import sections
from tests.benchmark.boards.page.pages import needs_chromium, seeds, table
from tests.boards import done

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "macro_auc")


def agrees(browser, path, records, address, source):
    """Whether the recomputed table has the means of records' metrics."""
    parts = sections(records)
    browser.show(path, f"#board={records[0].cell.terms.data}&{address}")
    assert browser.run("document.querySelector('#status').textContent.includes('class prior')")
    found = table(browser)
    for row in parts[0].rows:
        numbers = dict(found[row.name])
        assert set(METRICS) <= set(numbers)
        for name in METRICS:
            values = [getattr(r, source)[name] for r in row.done]
            assert numbers[name] == pytest.approx(np.mean(values), abs=1e-4), (row.name, name)
    return found


@needs_chromium
@pytest.mark.parametrize("kind", ["balanced", "natural"])
def test_another_prior_gives_the_metrics_of_the_records(browser, real, kind):
    records, path = real
    support = ",".join(map(str, records[0].support))
    own = f"prior=own&weights={support}"
    address, source = (own, "metrics") if kind == "natural" else ("prior=balanced", "balanced")
    agrees(browser, path, records, address, source)
    for name in ("precision", "auc"):
        browser.show(path, f"#{address}&view=classes&of_class={name}")
        order = np.argsort([-n for n in records[0].class_counts], kind="stable")
        for row in sections(records)[0].rows:
            lists = [[getattr(r, source)[name][k] for k in order] for r in row.done]
            found = [v for _, v in table(browser)[row.name]]
            for number, *values in zip(found, *lists, strict=True):
                expected = None if None in values else pytest.approx(np.mean(values), abs=1e-4)
                assert number == expected, (row.name, name)


@needs_chromium
def test_a_class_without_images_stays_without_under_every_prior(browser, drawn_page):
    records = [r for r, _ in seeds(done, ("focal",), absent=(1,))]
    agrees(browser, drawn_page, records, "prior=balanced", "balanced")


@needs_chromium
def test_rarer_diseases_move_accuracy_and_ranks_but_no_recall(browser, real):
    records, path = real
    common = max(range(len(records[0].support)), key=lambda k: records[0].support[k])
    weights = ["1"] * len(records[0].support)
    weights[common] = "99"
    browser.show(path, f"#metric=accuracy&prior=own&weights={','.join(weights)}")
    skewed = table(browser)
    browser.run("document.getElementById('preset-balanced').click()")
    even = table(browser)
    assert dict(skewed["erm"])["accuracy"] > dict(even["erm"])["accuracy"] + 0.1
    for name in skewed:
        assert dict(skewed[name])["balanced_accuracy"] == dict(even[name])["balanced_accuracy"]
    assert list(skewed) != list(even)
    values = [dict(cells)["accuracy"] for cells in skewed.values()]
    assert values == sorted(values, reverse=True)
    assert browser.run("document.querySelectorAll('.up').length") > 0
    # A slider: the keyboard moves it, the table follows, nothing else is forgotten.
    browser.run("document.getElementById('prior-0').focus()")
    browser.press("ArrowDown", "ArrowDown")
    assert browser.run("document.activeElement.id") == "prior-0"
    assert "prior=own" in browser.run("location.hash")
    assert "prior=balanced" not in browser.run("location.hash")
