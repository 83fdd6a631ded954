"""The table over sources on the page: its numbers, its two metrics, few rows first."""

import json

import pytest

from medtail.benchmark.boards.over_sources import OverSources, Placed
from medtail.benchmark.boards.page import document as page
from tests.benchmark.boards.page.pages import EVIL, needs_chromium

KEYS = ("balanced_accuracy", "fitted_balanced_accuracy")


def row(name, place, gains, ranked=True):
    numbers = {key: (float(place), 1.0, 14.0) for key in KEYS}
    gain = {key: (0.01 * place, -0.02, 0.05) for key in KEYS}
    both = {KEYS[0]: gains, KEYS[1]: tuple(g and -g for g in gains)}
    return Placed(
        name=name, rank=numbers if ranked else {}, gain=gain if ranked else {}, gains=both
    )


@pytest.fixture(scope="module")
def shown(drawn, tmp_path_factory):
    rows = [row(f"m{n:02d}", n + 1, (0.01 * n, None, -0.2)) for n in range(14)]
    rows += [row("erm", 15, (0.0, 0.0, 0.0)), row(EVIL, 16, (0.1, 0.2, 0.3), ranked=False)]
    found = OverSources(
        reference="erm", core=("a", "b"), stress=(EVIL,), boards=("a@natural",), rows=tuple(rows),
        sure=(0, 105), needed=12,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("over") / "index.html"
    path.write_text(page.html(drawn | {"over_sources": found.model_dump(mode="json")}))
    return path


CELLS = """[...document.querySelectorAll('tr[data-over]')].map(row => [row.dataset.over,
    [...row.querySelectorAll('td')].map(c => c.textContent)])"""


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_few_rows_are_shown_first_then_all(browser, shown, dark):
    browser.show(shown, dark=dark)
    rows = dict(browser.run(CELLS))
    assert list(rows) == [*(f"m{n:02d}" for n in range(10)), "erm"]
    assert rows["m03"] == ["4.0 1.0 to 14.0", "+4.0 -2.0 to +5.0", "+3.0", "n/a", "-20.0"]
    assert "can tell none below 12 sources" in browser.run(
        "document.querySelector('#over .notes').textContent"
    )
    browser.run("document.getElementById('over-rows').click()")
    rows = dict(browser.run(CELLS))
    assert len(rows) == 16
    assert rows[EVIL][:2] == ["n/a", "n/a"]
    assert list(rows)[-1] == EVIL, "without a rank, last"
    assert browser.run("window.hacked === undefined")
    assert browser.errors() == []


@needs_chromium
def test_the_metric_is_chosen_and_kept_in_the_address(browser, shown):
    browser.show(shown)
    browser.run(f"document.getElementById('over-{KEYS[1]}').click()")
    assert dict(browser.run(CELLS))["m03"][2:] == ["-3.0", "n/a", "+20.0"]
    assert f"over={KEYS[1]}" in browser.run("location.hash")
    browser.show(shown, f"#over={KEYS[1]}&over_rows=all")
    assert len(browser.run(CELLS)) == 16
    assert dict(browser.run(CELLS))["m03"][2] == "-3.0"


@needs_chromium
def test_gains_are_painted_by_sign_and_size_and_stay_legible(browser, shown):
    browser.show(shown, "#over_rows=all")
    colours = json.loads(
        browser.run("""JSON.stringify([...document.querySelectorAll('tr[data-over=m08] .heat')]
        .map(c => [c.style.backgroundColor, c.style.color]))""")
    )
    red, _, blue = (int(n) for n in colours[0][0][4:-1].split(","))
    loss_red, _, loss_blue = (int(n) for n in colours[2][0][4:-1].split(","))
    assert blue > red, "a gain is violet"
    assert loss_red > loss_blue, "a loss is brown"
    assert colours[1] == ["", ""], "what is not there has no colour"


@needs_chromium
def test_a_page_without_it_has_no_such_section(browser, drawn_page):
    browser.show(drawn_page)
    assert browser.run("document.getElementById('over').children.length") == 0
