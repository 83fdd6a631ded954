"""The page by keys alone, on a phone, in the dark, and without scripts."""

import pytest

from tests.benchmark.boards.page.pages import REAL, needs_chromium, table


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
        for view in ("ranking", "classes", "groups", "curves", "cost", "ranks", "two"):
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
        "view=two",
        "reference=erm",
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
