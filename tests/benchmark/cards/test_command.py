"""The command cards: the same twice, nothing lost, nothing published that may not be."""

import re
import shutil
import sys

import pytest
from typer.testing import CliRunner

from medtail import methods
from medtail.benchmark.cards import method_pages
from medtail.benchmark.cards.docstrings import parse
from medtail.benchmark.cli.main import app
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT
from tests.boards import files


def write(out, *more):
    """Run the command; what it printed, its exit status or the error."""
    return CliRunner().invoke(app, ["cards", "--out", str(out), *more])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "One line.",
        "A.\n\nPaper: p.\nEquations: e.\nDeviations: d.\n",
        "A.\n\nPaper: p.\nDeviations: d.\nEquations: e.\nStatus: faithful.\n",
        "A.\n\nPaper: p.\nEquations:\nDeviations: d.\nStatus: faithful.\n",
    ],
)
def test_a_docstring_that_is_no_card_is_refused_before_anything_is_written(
    text, few, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules[methods.get("ldam").__module__], "__doc__", text)
    with pytest.raises(
        MedtailError, match=r"method ldam: the docstring of medtail\.methods\.ldam is no"
    ):
        parse("ldam")
    assert isinstance(write(tmp_path / "out").exception, MedtailError)
    assert not (tmp_path / "out").exists()


def test_a_second_run_changes_no_byte(few, breast, tmp_path):
    out = tmp_path / "out"
    first = write(out)
    assert first.exit_code == 0, first.exception
    assert "1 of 5: methods/erm.md" in first.output
    assert "5 pages, 5 files changed" in first.output.replace("\n", " ")
    before = files(out)
    assert set(map(str, before)) == {
        *("README.md", "methods/erm.md", "methods/ldam.md"),
        *("data/breastmnist.md", "data/isic2018.md"),
    }
    stamps = {p: (out / p).stat().st_mtime_ns for p in before}
    assert "5 pages, 0 files changed" in write(out).output.replace("\n", " ")
    assert files(out) == before
    assert {p: (out / p).stat().st_mtime_ns for p in before} == stamps
    whole = b"".join(before.values()).decode()
    assert str(tmp_path) not in whole
    assert not re.search(r"(?<![\w.])/(home|root|work|tmp|usr)/", whole)
    for page, content in before.items():
        for link in re.findall(r"\]\(([^)]+)\)", content.decode()):
            assert (out / page.parent / link).exists(), f"{page}: {link}"


def test_a_fuller_page_stays_where_the_files_are_gone(few, breast, tmp_path):
    out = tmp_path / "out"
    write(out)
    page = (out / "data/breastmnist.md").read_text()
    assert "| all            |    40 |  10 |   10 |" in page
    assert (
        "](data/breastmnist.md) | BreastMNIST (MedMNIST v2) | 60 | unknown | CC"
        in (out / "README.md").read_text()
    )
    before = files(out)
    breast.unlink()
    told = write(out)
    assert told.exit_code == 0
    assert "data/breastmnist.md: its files cannot be read here, the fuller page" in told.output
    assert files(out) == before, "the index reads its facts off the page that stays"
    (out / "data/breastmnist.md").unlink()
    write(out)
    assert "not there when this card was written" in (out / "data/breastmnist.md").read_text()


def test_broken_files_are_told_and_lose_nothing(few, breast, tmp_path):
    out = tmp_path / "out"
    write(out)
    before = files(out)
    breast.write_bytes(b"broken")
    told = write(out)
    assert "MD5" in told.output
    assert files(out) == before


def test_real_pictures_are_refused_in_a_checkout(few, breast, tmp_path):
    inside = ROOT / "docs/no_such_cards"
    link = tmp_path / "link"
    link.symlink_to(ROOT / "docs")
    clone = tmp_path / "clone"
    (clone / "datamodules/core").mkdir(parents=True)
    shutil.copy(ROOT / "datamodules/core/contract.py", clone / "datamodules/core")
    for out in (inside, link / "no_such_cards", clone / "a/b", ROOT):
        error = write(out, "--pictures").exception
        assert isinstance(error, MedtailError)
        assert "real images are not to be published" in str(error)
    assert not inside.exists()
    assert not (clone / "a").exists()
    out = tmp_path / "local"
    assert write(out).exit_code == 0
    assert not list(out.rglob("*.png"))
    assert write(out, "--pictures").exit_code == 0
    assert [p.name for p in out.rglob("*.png")] == ["breastmnist.png"]
    assert "](breastmnist.png)" in (out / "data/breastmnist.md").read_text()


def test_what_another_wrote_stays(few, tmp_path):
    out = tmp_path / "out"
    (out / "methods").mkdir(parents=True)
    (out / "methods/mine.md").write_text("mine")
    (out / "methods/gone.md").write_text(f"{method_pages.FIRST}\n")
    (out / "README.md").write_text("my notes")
    told = write(out)
    assert isinstance(told.exception, MedtailError)
    assert "README.md was not written by medtail cards" in str(told.exception)
    assert (out / "README.md").read_text() == "my notes"
    assert (out / "methods/mine.md").read_text() == "mine"
    assert not (out / "methods/gone.md").exists(), "a page of a method that is no more"
