"""The command report: its files, what it refuses, and that TeX takes what it writes."""

import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.cli.main import app
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT, few
from tests.boards import done, few_shot, files

BOARDS = ROOT / "leaderboards"
WRITTEN = {
    *("methods.md", "methods.tex", "tables.md", "tables.tex", "references.bib"),
    *("checklist.md", "report.tex"),
}


def run(*words):
    return CliRunner().invoke(app, ["report", *map(str, words)])


@pytest.fixture
def boards(tmp_path):
    root = tmp_path / "boards"
    leaderboard.publish(root, [done(seed=s) for s in (0, 1)])
    leaderboard.publish(root, [few_shot(seed=s) for s in (0, 1)])
    return root


def test_it_writes_the_same_bytes_twice_and_into_a_folder_of_its_own(boards, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("fake@natural", "--leaderboards", boards)
    told = run(*words)
    assert told.exit_code == 0, told.exception
    out = tmp_path / "report/fake@natural"
    first = files(out)
    assert set(map(str, first)) == WRITTEN
    assert set(told.output.split()) == {f"report/fake@natural/{name}" for name in WRITTEN}
    stamps = {p: (out / p).stat().st_mtime_ns for p in first}
    assert run(*words).exit_code == 0
    assert files(out) == first
    assert {p: (out / p).stat().st_mtime_ns for p in first} == stamps
    whole = b"".join(first.values()).decode()
    assert str(tmp_path) not in whole


@pytest.mark.parametrize("file", ["methods.tex", "references.bib", "report.tex"])
def test_what_another_wrote_stays(boards, tmp_path, file):
    out = tmp_path / "paper"
    out.mkdir()
    (out / file).write_text("mine\n")
    told = run("fake@natural", "--leaderboards", boards, "--out", out)
    assert isinstance(told.exception, MedtailError)
    assert f"{file} was not written by medtail report fake@natural" in str(told.exception)
    assert set(files(out)) == {(out / file).relative_to(out)}
    assert (out / file).read_text() == "mine\n"


def test_another_board_does_not_take_its_place(boards, tmp_path):
    out = tmp_path / "paper"
    assert run("fake@natural", "--leaderboards", boards, "--out", out).exit_code == 0
    before = files(out)
    told = run("fake@shot5", "--leaderboards", boards, "--out", out)
    assert isinstance(told.exception, MedtailError)
    assert files(out) == before


def test_a_suite_is_all_its_boards(boards, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    suite = tmp_path / "mine.yaml"
    suite.write_text("methods: [erm]\ndata: [fake@shot5, fake@natural, fake@lt20]\n")
    told = run(suite, "--leaderboards", boards)
    assert told.exit_code == 0, told.exception
    assert "fake@lt20: no records" in told.output
    text = (tmp_path / "report/mine/methods.md").read_text()
    assert text.index("## fake@shot5") < text.index("## fake@natural")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fake@naturel", "did you mean fake@natural"),
        ("fake", "unknown board of"),
        ("isic2018-few-shot", "none of its boards is in"),
        ("nowhere.yaml", "no suite file nowhere.yaml"),
    ],
)
def test_a_mistake_is_one_line(boards, tmp_path, name, words):
    told = run(name, "--leaderboards", boards, "--out", tmp_path / "out")
    assert isinstance(told.exception, MedtailError)
    assert words in str(told.exception)
    assert "\n" not in str(told.exception)
    assert not (tmp_path / "out").exists()


def compiled(folder):
    """The log of TeX, after BibTeX."""
    tex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    for words in (tex, ["bibtex", "report"], tex, tex):
        told = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace")
        assert told.returncode == 0, told.stdout[-3000:]
    return (folder / "report.log").read_text(errors="replace")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here")
@pytest.mark.parametrize(
    "name",
    few(
        ["isic2018@lt100", "isic2018@natural", "isic2018@binary20", "isic2018-few-shot", "odd"],
        "isic2018-few-shot",
        "odd",
    ),
)
def test_tex_takes_it(name, tmp_path):
    out, root = tmp_path / "out", BOARDS
    if name == "odd":
        root, name = tmp_path / "boards", "fake@natural"
        names = ("[x] ``a'' -- ,, *", "\\end{document} 中 é", "ABCDEFGH" * 6)
        long = {f"some_parameter_{n}": "x%_#&{" * 4 for n in range(6)}
        finished = [
            done(method, s, params=long if method == "ldam" else None, class_names=names)
            for method in ("erm", "ldam")
            for s in (0, 1)
        ]
        leaderboard.publish(root, finished)
    assert run(name, "--leaderboards", root, "--out", out).exit_code == 0
    log = compiled(out)
    for trouble in ("Overfull", "undefined", "Missing character", "Float too large"):
        assert trouble not in log, log[log.index(trouble) - 300 :][:600]
