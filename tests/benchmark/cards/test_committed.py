"""The committed cards are those that would be written now."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from medtail import datamodules, methods
from medtail.benchmark.cards import data_pages, method_pages
from medtail.benchmark.cards import evidence as card_evidence
from medtail.benchmark.cards.docstrings import parse
from tests import ROOT

COMMITTED, BOARDS = ROOT / "docs/cards", ROOT / "leaderboards"
OURS = sorted(name for name in methods.registry() if not methods.origin(name))
STALE = "run `medtail cards` and commit docs/cards"


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """Boards of the checkout, from a copy; None where its records are not the committed ones."""
    state = subprocess.run(
        ["git", "status", "--porcelain", "leaderboards/records"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if state.returncode or state.stdout:
        return None
    copy = tmp_path_factory.mktemp("boards") / "leaderboards"
    shutil.copytree(BOARDS, copy)
    boards = list(card_evidence.boards(copy))
    costs = card_evidence.costs((s for b in boards for s in b.sections), "erm")
    return costs, card_evidence.results(boards), boards


@pytest.mark.parametrize("name", OURS)
def test_committed_cards_are_those_that_would_be_written(name, evidence):
    path = COMMITTED / f"methods/{name}.md"
    assert path.exists(), STALE
    costs, results, _ = evidence or ({}, {}, [])
    mine = costs.get(name, {}), results.get(name, [])
    maps = f"{name}.png" if path.with_suffix(".png").exists() else ""
    made = method_pages.page(name, parse(name), "erm", *mine, "../../../leaderboards", maps)
    text = path.read_text()
    if evidence is None:  # such as after a benchmark: figures of other records
        made, text = (page.partition("\n## Cost")[0] for page in (made, text))
    assert text == made, STALE


def test_no_card_is_left_of_what_is_no_more():
    assert {p.stem for p in (COMMITTED / "methods").glob("*.md")} == set(OURS), STALE
    ours = {slug for slug in datamodules.registry() if not datamodules.origin(slug)}
    assert {p.stem for p in (COMMITTED / "data").glob("*.md")} == ours, STALE


def test_committed_cards_show_no_real_image_and_no_place_of_a_machine():
    shown = {p.relative_to(COMMITTED) for p in COMMITTED.rglob("*") if p.suffix not in ("", ".md")}
    with_maps = {n for n in OURS if getattr(methods.get(n), "has_maps", bool)()}
    assert shown - {Path(f"methods/{n}.png") for n in with_maps} == {Path("data/phantom.png")}
    assert all(p.stat().st_size < 150_000 for p in COMMITTED.glob("methods/*.png"))
    for path in COMMITTED.rglob("*.md"):
        assert not re.search(r"(?<![\w.])/(home|root|work|tmp|usr)/", path.read_text()), path


@pytest.mark.slow
def test_the_committed_card_of_drawn_images_is_right(evidence):
    module = datamodules.build("phantom")
    made = data_pages.full(
        module,
        data_pages.about(evidence[2] if evidence else [], "phantom"),
        "../../../leaderboards",
        "phantom.png",
    )
    text = (COMMITTED / "data/phantom.md").read_text()
    if evidence is None:
        made, text = (page.partition("\n## Boards")[0] for page in (made, text))
    assert text == made, STALE
