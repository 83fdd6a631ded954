"""The page is one safe file: its data, its policy, nothing from outside."""

import base64
import hashlib
import json
import re

from medtail.benchmark.boards.page import document as page
from tests.benchmark.boards.page.pages import EVIL, document


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
