"""Figures and colours: named points, picked curves, two rows, courses of training."""

import json

import numpy as np
import pytest

from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.boards.section import sections
from tests import ROOT
from tests.benchmark.boards.page.pages import REAL, needs_chromium
from tests.benchmark.boards.page.test_document import data_of

BOXES = """[...document.querySelectorAll('svg .label')].map(one => {
    const b = one.getBBox();
    return [one.textContent, b.x, b.y, b.x + b.width, b.y + b.height]; })"""

POINTS = """[...one.querySelectorAll('.series polyline')].map(l =>
    l.getAttribute('points').split(' '))"""


def named_rows(path, narrow):
    """The best rows, the baseline and the rows that nothing beats, from the page's own data."""
    rows = json.loads(data_of(path.read_text()))["boards"][0]["tables"][0]["rows"]
    known = [
        (r["name"], r["metrics"]["balanced_accuracy"][0], r["metrics"]["train_seconds"][0])
        for r in rows
        if r["complete"]
    ]
    front = {
        name
        for name, value, cost in known
        if not any(v >= value and c <= cost and (v, c) != (value, cost) for _, v, c in known)
    }
    best = sorted(known, key=lambda row: -row[1])[: 3 if narrow else 5]
    return front | {name for name, *_ in best} | {"erm"}


@needs_chromium
@pytest.mark.parametrize("width", [1400, 400])
def test_the_cost_plot_names_the_rows_that_matter_and_no_label_hides_another(browser, real, width):
    _, path = real
    browser.show(path, "#view=cost", width, 800, phone=width < 500)
    boxes = browser.run(BOXES)
    assert {name for name, *_ in boxes} == named_rows(path, width < 500)
    for n, (name, left, top, right, bottom) in enumerate(boxes):
        for other, x0, y0, x1, y1 in boxes[:n]:
            assert right < x0 or left > x1 or bottom - 2 < y0 or top > y1 - 2, (name, other)
    inside = f"[...document.querySelectorAll('svg .label')].every(one => {{\
        const r = one.getBoundingClientRect(); return r.left >= 0 && r.right <= {width}; }})"
    assert browser.run(inside)


@needs_chromium
def test_other_points_are_named_by_keys_and_by_the_pointer(browser, real):
    records, path = real
    browser.show(path, "#view=cost")
    browser.run("document.querySelector('.point[tabindex=\"0\"]').focus()")
    seen = []
    for _ in range(len({r.cell.row for r in records})):
        seen.append(browser.run("document.querySelector('.tip text').textContent"))
        assert browser.run("document.activeElement.dataset.row") == seen[-1]
        browser.press("ArrowRight")
    assert len(set(seen)) == len(seen)
    browser.run("document.activeElement.blur()")
    assert browser.run("document.querySelectorAll('.tip text').length") == 0
    browser.run("document.querySelector('.point').dispatchEvent(new Event('mouseenter'))")
    assert browser.run("document.querySelectorAll('.tip text').length") == 2
    browser.run("document.querySelector('.point').dispatchEvent(new Event('mouseleave'))")
    assert browser.run("document.querySelectorAll('.tip text').length") == 0


LINES = "[...document.querySelectorAll('svg.figure g.series')].map(one => one.dataset.row)"


@needs_chromium
def test_learning_curves_are_few_until_the_reader_picks_others(browser, drawn_page):
    browser.show(drawn_page, "#board=fake@active&view=curves")
    first = browser.run(LINES)
    assert len(first) == 2
    assert "erm" in first
    off = "document.querySelector('.lines input:not(:checked)')"
    name = browser.run(f"{off}.parentElement.textContent")
    browser.run(f"{off}.focus()")
    browser.press("Space")
    assert browser.run(LINES) == [*first, name]
    assert browser.run("document.querySelectorAll('polygon.band').length") == 3
    assert browser.run("document.activeElement.checked"), "the focus stays"
    address = browser.run("location.hash")
    browser.show(drawn_page, address)
    assert browser.run(LINES) == [*first, name]
    browser.run("document.getElementById('lines-none').click()")
    assert browser.run(LINES) == []
    browser.run("document.getElementById('lines-first').click()")
    assert browser.run(LINES) == first


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_a_zero_of_the_heat_map_has_the_colour_of_the_page(browser, real, dark):
    browser.show(real[1], "#view=classes", dark=dark)
    script = """(() => { const light = (node) => { const c = getComputedStyle(node).backgroundColor
        .match(/\\d+/g).map(Number); return (c[0] + c[1] + c[2]) / 765; };
      const cells = [...document.querySelectorAll('td.heat')];
      const by = (pick) => light(cells.sort((a, b) => pick(a.dataset.value - b.dataset.value))[0]);
      return [light(document.body), by(d => d), by(d => -d)]; })()"""
    body, lowest, highest = browser.run(script)
    assert abs(body - lowest) < 0.1
    assert abs(body - highest) > 0.4


@needs_chromium
def test_head_to_tail_fits_a_phone_and_wider_tables_say_that_they_scroll(browser, real):
    script = "[...document.querySelectorAll('p.hint')].map(one => [one.hidden, \
        one.nextElementSibling.scrollWidth > one.nextElementSibling.clientWidth + 1])"
    browser.show(real[1], "#view=groups", 400, 800, phone=True)
    assert browser.run(script) == [[True, False]]
    assert browser.run("document.querySelectorAll('.groups thead th').length") == 4
    browser.show(real[1], "#view=ranking", 400, 800, phone=True)
    assert browser.run(script) == [[False, True]]


@needs_chromium
def test_two_rows_have_their_confusion_and_curves_of_their_predictions(browser, real):
    records, path = real
    browser.show(path, "#view=two&one=ldam&two=focal")
    stored = read_predictions(ROOT / "leaderboards", REAL)
    (section, *_) = sections(records)
    script = "[...document.querySelectorAll('.confusion')].map(one => \
        [...one.querySelectorAll('td')].map(c => Number(c.dataset.count)))"
    for found, name in zip(browser.run(script), ("ldam", "focal"), strict=True):
        row = next(r for r in section.rows if r.name == name)
        counts = np.zeros((7, 7), int)
        for record in row.done:
            given = stored[record.cell_id]
            np.add.at(counts, (given.target, given.logits.astype(float).argmax(1)), 1)
        order = section.by_count
        assert found == counts[np.ix_(order, order)].ravel().tolist()
    panels = f"[...document.querySelectorAll('svg.panel')].map(one => {POINTS})"
    for kind in ("roc", "precision"):
        browser.run(f"document.getElementById('kind-{kind}').click()")
        lines = browser.run(panels)
        assert [len(each) for each in lines] == [2] * 7
        assert max(len(line) for each in lines for line in each) <= 64
    browser.run("document.getElementById('swap').click()")
    assert "one=focal&two=ldam" in browser.run("location.hash")
    assert not browser.errors()


@needs_chromium
def test_an_opened_row_draws_how_its_trainings_went_and_names_its_paper(browser, real):
    records, path = real
    browser.show(path, "#open=crt")
    figures = (
        f"[...document.querySelectorAll('.courses svg')].map(one => {POINTS}.map(l => l.length))"
    )
    epochs = [sum(len(s.history) for s in r.stages) for r in records if r.cell.row == "crt"]
    assert browser.run(figures) == [epochs] * 3
    assert browser.run("document.querySelectorAll('.courses .start').length") == 3
    text = browser.run("document.querySelector('.record').textContent")
    assert "Kang et al." in text
    links = "[...document.querySelectorAll('.record a')].map(one => one.protocol)"
    assert browser.run(links) == ["https:"]
