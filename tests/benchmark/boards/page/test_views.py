"""Headless Chromium draws every view of every track, and opens rows."""

import pytest

from medtail.benchmark.boards import json_form, leaderboard
from medtail.benchmark.boards.page import document as page
from medtail.benchmark.boards.standing import Standing
from medtail.benchmark.grid.again import suite_text
from tests.benchmark.boards.page.pages import EVIL, needs_chromium
from tests.benchmark.boards.test_critical_difference import over, sources
from tests.benchmark.scoring.outsiders import board_of, put
from tests.boards import one_class


@needs_chromium
def test_every_view_of_every_track_is_drawn_and_no_record_can_run_a_script(browser, drawn_page):
    expected = {
        "fake@natural": ["ranking", "classes", "groups", "cost", "ranks", "two"],
        "fake@shot5": ["ranking", "classes", "cost", "ranks", "two"],
        "fake@oneclass": ["ranking", "classes", "cost", "ranks", "two"],
        "fake@active": ["ranking", "classes", "groups", "curves", "cost", "ranks", "two"],
    }
    for board, views in expected.items():
        browser.show(drawn_page, f"#board={board}")
        for view in views:
            browser.run(f"document.getElementById('view-{view}').click()")
            assert browser.run("document.querySelector('#view').textContent.length") > 20, view
        found = browser.run("[...document.querySelectorAll('[name=view]')].map(one => one.value)")
        assert found == views
        browser.run("document.getElementById('view-ranking').click()")
        browser.run("document.querySelectorAll('tbody th.name button').forEach(one => one.click())")
        assert not browser.errors()
        assert browser.run("window.hacked === undefined")
        assert browser.run("document.querySelectorAll('img').length") == 0
        assert browser.requests() == [f"file://{drawn_page}"]


@needs_chromium
def test_the_board_with_the_most_records_is_open_first(browser, drawn, drawn_page):
    sizes = {
        board["data"]: sum(len(row["records"]) for part in board["tables"] for row in part["rows"])
        for board in drawn["boards"]
    }
    largest = max(sizes, key=sizes.__getitem__)
    assert largest != drawn["boards"][0]["data"]
    assert sum(size == sizes[largest] for size in sizes.values()) == 1
    browser.show(drawn_page, "")
    assert browser.run("document.title").split()[0] == largest
    browser.show(drawn_page, "#board=fake@shot5")
    assert browser.run("document.title").split()[0] == "fake@shot5"


@needs_chromium
def test_an_opened_row_tells_its_record(browser, drawn, drawn_page):
    rows = drawn["boards"][2]["tables"][0]["rows"]
    assert drawn["boards"][2]["data"] == "fake@oneclass"
    natural = next(b for b in drawn["boards"] if b["data"] == "fake@natural")["tables"][0]["rows"]
    browser.show(drawn_page, "#board=fake@natural&open=ldam")
    text = browser.run("document.querySelector('.record').textContent")
    ldam = next(row for row in natural if row["name"] == "ldam")
    assert f"Seed 2: {EVIL}" in text
    assert f"{EVIL}; split lists one" in text
    assert all(record["cell"] in text for record in ldam["records"])
    assert "faithful to its paper" in text
    assert browser.run("document.querySelector('.record pre').textContent") == ldam["again"]
    assert "seeds: [0, 1, 2]" in ldam["again"]
    assert rows[0]["again"] == suite_text([one_class(rows[0]["method"], s)[0].cell for s in (0, 1)])


@needs_chromium
@pytest.mark.parametrize("count", [2, 8])
def test_critical_differences_are_drawn_where_a_test_can_tell_something(browser, tmp_path, count):
    parts = over(sources(count))
    known = {slug: [Standing(key="key", rows={}) for _ in found] for slug, found in parts.items()}
    path = tmp_path / "index.html"
    path.write_text(page.html(json_form.document(parts, known)))
    browser.show(path, "#view=ranks")
    verdict = browser.run("document.querySelector('#verdict').textContent")
    bars = browser.run("document.querySelectorAll('.clique').length")
    if count == 8:
        assert verdict.startswith("Wilcoxon")
        assert bars == 1
        assert "p-values" in browser.run("document.querySelector('#view').textContent")
    else:
        assert "there are 2 datasets, and 7 are needed" in verdict
        assert bars == 0
        assert browser.run("document.querySelectorAll('#average-ranks circle').length") == 3


@needs_chromium
def test_submitted_predictions_are_marked_and_never_ranked_or_best(browser, tmp_path):
    put(board_of(tmp_path), EVIL[:60], url="https://example.org/<a>"[:20], note=EVIL)
    leaderboard.render(tmp_path)
    browser.show(tmp_path / "index.html", "#board=fake@natural")
    rows = "[...document.querySelectorAll('tr[data-row]')].map(row => row.textContent)"
    ours = [text for text in browser.run(rows) if "◇" in text]
    assert len(ours) == 1
    assert ours[0].startswith("◇")
    assert EVIL[:60] in ours[0]
    best = "[...document.querySelectorAll('td.best')].map(c => c.closest('tr').dataset.row)"
    assert EVIL[:60] not in browser.run(best)
    browser.run("document.querySelectorAll('tbody th.name button').forEach(one => one.click())")
    opened = browser.run("[...document.querySelectorAll('.record')].map(r => r.textContent)")
    told = next(text for text in opened if "◇" in text)
    assert "submitted predictions: training not seen by medtail" in told
    assert "2, their seeds 7, 8" in told
    assert EVIL in told
    assert "Run it again" not in told
    for view in ("classes", "groups", "cost", "ranks", "two"):
        browser.run(f"document.getElementById('view-{view}')?.click()")
    browser.show(tmp_path / "index.html", "#board=fake@natural&rows=submitted&prior=balanced")
    assert [text for text in browser.run(rows) if "◇" not in text] == []
    assert not browser.errors()
    assert browser.run("window.hacked === undefined")
