"""The page: one safe file; headless Chromium draws, sorts, opens and recomputes its boards."""

import base64
import hashlib
import json
import re
import shutil
from functools import partial

import numpy as np
import pytest

from medtail.benchmark.boards import json_form
from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.boards.page import document as page
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import Standing, compute, standings
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.grid.again import suite_text
from tests import ROOT
from tests.benchmark.boards.test_critical_difference import over, sources
from tests.boards import COST, active, done, failed, few_shot, one_class
from tests.chromium import Chromium, find

REAL = "isic2018@natural"
EVIL = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "macro_auc")

needs_chromium = pytest.mark.skipif(
    find() is None, reason="NO CHROMIUM: the page is not tested; install Debian's package chromium"
)


def document(boards):
    """Of finished (record, predictions) by board."""
    parts, known = {}, {}
    for slug, finished in boards.items():
        parts[slug] = sections([record for record, _ in finished])
        stored = {record.cell_id: scores for record, scores in finished if scores is not None}
        known[slug] = [compute(part, stored, "key") for part in parts[slug]]
    return json_form.document(parts, known)


def seeds(make, methods, **changes):
    return [make(m, s, cost=COST, **changes) for m in methods for s in (0, 1)]


@pytest.fixture(scope="module")
def drawn():
    """A board of every track; names and reasons that attack the page; a class without images."""
    natural = [
        *seeds(done, ("erm", "focal", "ldam"), absent=(1,), source=EVIL),
        *seeds(done, ("erm",), absent=(1,), source=EVIL, params={EVIL: EVIL}),
        failed("ldam", 2, reason=EVIL),
        done("erm", 2, absent=(1,), source=EVIL),
    ]
    return document(
        {
            "fake@natural": natural,
            "fake@shot5": seeds(few_shot, ("erm", "maml")),
            "fake@oneclass": seeds(one_class, ("erm", "knn")),
            "fake@active": seeds(active, ("erm", "badge", "entropy")),
        }
    )


@pytest.fixture(scope="module")
def drawn_page(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "index.html"
    path.write_text(page.html(drawn))
    return path


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A committed board: its records, and its page."""
    root = tmp_path_factory.mktemp("real")
    for kind in ("records", "statistics", "predictions"):
        for path in (ROOT / "leaderboards" / kind).glob(f"{REAL}.*"):
            (root / kind).mkdir(exist_ok=True)
            shutil.copy(path, root / kind)
    records = read_lines(root / "records" / f"{REAL}.jsonl")
    parts = sections(records)
    known = standings(root, REAL, parts, partial(read_predictions, root, REAL))
    path = root / "index.html"
    path.write_text(page.html(json_form.document({REAL: parts}, {REAL: known})))
    return records, path


@pytest.fixture(scope="module")
def browser():
    with Chromium() as found:
        yield found


def data_of(html):
    return re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1]


def test_the_data_in_the_page_are_the_document_and_hold_no_tag(drawn):
    text = data_of(page.html(drawn))
    assert json.loads(text) == drawn
    assert "<" not in text
    assert EVIL in json.dumps(drawn)


def test_only_our_own_script_and_style_may_run(drawn):
    html = page.html(drawn)
    policy = re.search(r'Policy" content="(.*?)"', html)[1]
    assert policy.startswith("default-src 'none'; ")
    for kind, tag in (("script", "<script>"), ("style", "<style>")):
        (text,) = re.findall(f"{tag}(.*?)</{kind}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r"%[A-Z]+%", html)


def test_the_page_asks_for_nothing_and_is_the_same_again(drawn):
    html = page.html(drawn)
    outside = html.replace("http://www.w3.org/2000/svg", "").replace(data_of(html), "")
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bfetch\(|\bsrc=", outside)
    assert page.html(drawn) == html
    assert len(page.html(document({}))) < 100_000


@needs_chromium
def test_every_view_of_every_track_is_drawn_and_no_record_can_run_a_script(browser, drawn_page):
    expected = {
        "fake@natural": ["ranking", "classes", "groups", "cost", "ranks"],
        "fake@shot5": ["ranking", "classes", "cost", "ranks"],
        "fake@oneclass": ["ranking", "classes", "cost", "ranks"],
        "fake@active": ["ranking", "classes", "groups", "curves", "cost", "ranks"],
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


def table(browser):
    """Row name -> metric -> values in the page's table, in its order."""
    script = """[...document.querySelectorAll('tr[data-row]')].map(row => [row.dataset.row,
        [...row.querySelectorAll('[data-key]')].map(c => [c.dataset.key, c.dataset.value])])"""
    return {
        name: [(k, float(v) if v else None) for k, v in cells]
        for name, cells in browser.run(script)
    }


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


@needs_chromium
def test_keys_alone_search_sort_and_open_and_the_address_keeps_it(browser, real):
    records, path = real
    browser.show(path)
    browser.run("document.getElementById('q').focus()")
    browser.press(*"mixup")
    rows = {r.cell.row for r in records}
    assert set(table(browser)) == {name for name in rows if "mixup" in name}
    browser.run("document.getElementById('sort-macro_auc').focus()")
    browser.press("Enter")
    first = [dict(cells)["macro_auc"] for cells in table(browser).values()]
    assert first == sorted(first, reverse=True)
    browser.press("Enter")  # the focus stayed on the button
    assert [dict(c)["macro_auc"] for c in table(browser).values()] == first[::-1]
    assert browser.run("document.querySelector('[aria-sort]').ariaSort") == "ascending"
    browser.run("document.querySelector('tbody th.name button').focus()")
    browser.press("Enter")
    assert browser.run("document.activeElement.ariaExpanded") == "true"
    assert browser.run("!!document.querySelector('.record')")
    state = "[location.hash, document.querySelector('#main').innerText]"
    address, text = browser.run(state)
    browser.show(path, address)
    assert browser.run(state) == [address, text]
    browser.run("document.querySelector('tbody th.name button').focus()")
    browser.press("Space")
    assert not browser.run("!!document.querySelector('.record')")


@needs_chromium
def test_the_first_tab_stops_lead_to_the_board(browser, drawn_page):
    browser.show(drawn_page)
    stops = []
    for _ in range(9):
        browser.press("Tab")
        stops.append(browser.run("document.activeElement.id || document.activeElement.className"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert browser.run(outline) != "none", stops
    assert stops[0] == "skip"
    assert stops[3:9] == ["track", "dataset", "regime", "metric", "q", "rows"]


@needs_chromium
def test_a_phone_scrolls_tables_and_not_the_page(browser, drawn_page, real):
    for path, board in [(real[1], REAL), (drawn_page, "fake@active"), (drawn_page, "fake@natural")]:
        for view in ("ranking", "classes", "groups", "curves", "cost", "ranks"):
            browser.show(
                path, f"#board={board}&view={view}&prior=balanced&open=erm", 360, 740, phone=True
            )
            wide = browser.run("[document.documentElement.scrollWidth, innerWidth]")
            assert wide == [360, 360], (board, view)


# The contrast (WCAG 2.1) of every text with the nearest background below it.
CONTRAST = """(() => {
  const numbers = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const below = (node) => { for (; node; node = node.parentElement) {
    const c = numbers(getComputedStyle(node).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || parent.closest('script, title')) continue;
    if (!parent.checkVisibility()) continue;
    const style = getComputedStyle(parent);
    const ink = numbers(parent.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(below(parent))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(walk.currentNode.data);
  }
  return bad;
})()"""


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_by_day_and_in_the_dark(browser, real, dark):
    _, path = real
    for address in (
        "prior=balanced&metric=accuracy&open=proco",
        "view=classes",
        "view=groups",
        "view=cost",
        "view=ranks",
    ):
        browser.show(path, f"#{address}", dark=dark)
        assert browser.run(CONTRAST) == [], address
    shade = browser.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 99")
    assert shade is dark


@needs_chromium
def test_without_scripts_the_page_leads_to_the_plain_tables(browser, drawn_page):
    browser.show(drawn_page, script=False)
    try:
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        found = browser.call("DOM.querySelector", nodeId=root, selector="noscript a")["nodeId"]
        assert 'href="README.md"' in browser.call("DOM.getOuterHTML", nodeId=found)["outerHTML"]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


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
