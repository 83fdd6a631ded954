"""Differences from a row that the reader picks are the paired ones of the board's statistics."""

import pytest

from medtail.benchmark.boards.page import document as page
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from tests.benchmark.boards.page.pages import document, needs_chromium, table
from tests.boards import done

MINUS = "\N{MINUS SIGN}"
KEYS = ("balanced_accuracy", "macro_auc", "macro_f1", "tail_recall", "worst_class_recall")
ENDS = """Object.fromEntries([...document.querySelectorAll('tr[data-row]')].map(row =>
    [row.dataset.row, Object.fromEntries([...row.querySelectorAll('td[data-ends]')].map(c =>
        [c.dataset.key, c.dataset.ends.split(' ').map(Number)]))]))"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Rows of two seeds, one that lacks a seed and one without a seed that the others have."""
    finished = [done(m, s) for m in ("erm", "focal", "ldam") for s in (0, 1)]
    finished += [done("half", 1), done("late", 7)]
    path = tmp_path_factory.mktemp("compared") / "index.html"
    path.write_text(page.html(document({"fake@natural": finished})))
    (section,) = sections([r for r, _ in finished])
    return path, Precision(section, replicates(section, {r.cell_id: p for r, p in finished}))


@needs_chromium
@pytest.mark.parametrize("base", ["erm", "ldam", "half"])
def test_a_picked_row_turns_values_into_paired_differences(browser, compared, base):
    path, known = compared
    browser.show(path)
    plain = table(browser)
    script = "(s => {s.value = '%s'; s.dispatchEvent(new Event('change'))})"
    browser.run(script % base + "(document.getElementById('reference'))")
    assert f"reference={base}" in browser.run("location.hash")
    found, ends = table(browser), browser.run(ENDS)
    assert found[base] == plain[base], "its own values stay"
    for name in {"erm", "focal", "ldam", "half"} - {base}:
        for key in KEYS:
            expected = known.pair(name, base, key)
            assert dict(found[name])[key] == pytest.approx(expected.value, abs=3e-6), (name, key)
            interval = (expected.interval.low, expected.interval.high)
            assert ends[name][key] == pytest.approx(interval, abs=3e-6), (name, key)
    assert set(dict(found["late"]).values()) == {None}, "no seed in common"
    assert ends["late"] == {}
    assert not browser.errors()


@needs_chromium
def test_only_a_difference_whose_interval_leaves_out_zero_is_told_by_colour(browser, compared):
    browser.show(compared[0], "#reference=erm")
    script = """[...document.querySelectorAll('td[data-ends]')].map(c =>
        [c.dataset.ends.split(' ').map(Number), c.className])"""
    cells = browser.run(script)
    assert cells
    for (low, high), name in cells:
        kind = "number up" if low > 0 else "number down" if high < 0 else "number"
        assert name == kind, (low, high)


@needs_chromium
def test_of_a_cost_less_is_better(browser, compared):
    path, _ = compared
    browser.show(path, "#reference=erm&metric=brier")
    script = """[...document.querySelectorAll('td[data-key=brier]')].map(c =>
        [Number(c.dataset.value), c.textContent])"""
    told = [(value, text) for value, text in browser.run(script) if text[:1] in f"+{MINUS}"]
    assert told
    assert all((text[0] == MINUS) == (value < 0) for value, text in told)


@needs_chromium
def test_under_another_prior_there_are_differences_and_no_intervals_but_of_recalls(
    browser, compared
):
    path, known = compared
    browser.show(path, "#reference=erm&prior=own&weights=9,1,1")
    found, ends = table(browser), browser.run(ENDS)
    assert set(ends["ldam"]) <= {"balanced_accuracy"}
    assert dict(found["ldam"])["balanced_accuracy"] == pytest.approx(
        known.pair("ldam", "erm", "balanced_accuracy").value, abs=3e-6
    )
    browser.show(path, "#reference=erm")
    assert dict(table(browser)["ldam"])["macro_f1"] != dict(found["ldam"])["macro_f1"]
