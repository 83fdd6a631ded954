"""The visible table as CSV and LaTeX: what is shown, in its order, and nothing that runs."""

import csv
import io
import re
import shutil
import subprocess

import pytest

from medtail.benchmark.boards.page import document as page
from tests.benchmark.boards.page.pages import EVIL, document, needs_chromium, seeds
from tests.boards import done

WORST = "=50% _x_ & y#1 {z} ~^ \\ $3 | <b> \"q\" 'r', [1]\nend"
CAUGHT = """navigator.clipboard.writeText = async (text) => { window.copied = text; };
    URL.createObjectURL = (blob) => { window.saved = blob; return 'blob:none'; };
    HTMLAnchorElement.prototype.click = function () { window.named = this.download; };"""
UNTEX = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    "''": '"',
    "{[}": "[",
    "{]}": "]",
} | {f"\\{c}": c for c in "{}#$%&_"}


@pytest.fixture(scope="module")
def worst(tmp_path_factory):
    """A row whose name holds everything that CSV and LaTeX read as more than text."""
    finished = seeds(done, ("erm", "focal")) + [done("erm", s, params={"a": WORST}) for s in (0, 1)]
    whole = document({"fake@natural": finished})
    path = tmp_path_factory.mktemp("worst") / "index.html"
    path.write_text(page.html(whole))
    return whole["boards"][0]["tables"][0]["rows"], path


def copied(browser, path, kind, address=""):
    browser.show(path, address)
    browser.run(CAUGHT)
    browser.run("document.getElementById('export').open = true")
    browser.run(f"document.getElementById('export-{kind}-copy').click()")
    assert browser.run("document.getElementById('exported').textContent") == "copied"
    browser.run(f"document.getElementById('export-{kind}').click()")
    assert browser.run("window.saved.text()") == browser.run("window.copied")
    assert re.fullmatch(r"[\w.+@-]+\.(csv|tex)", browser.run("window.named"))
    assert not browser.errors()
    return browser.run("window.copied")


def untex(text):
    return re.sub("|".join(map(re.escape, UNTEX)), lambda found: UNTEX[found[0]], text)


@needs_chromium
def test_csv_has_the_rows_and_columns_that_are_shown_in_full(browser, worst):
    rows, path = worst
    lines = list(csv.DictReader(io.StringIO(copied(browser, path, "csv"))))
    shown = browser.run("[...document.querySelectorAll('tr[data-row]')].map(r => r.dataset.row)")
    assert [line["method"] for line in lines] == shown
    for line, row in zip(lines, sorted(rows, key=lambda r: shown.index(r["name"])), strict=True):
        for key in ("balanced_accuracy", "macro_auc", "head_recall"):
            expected = row["metrics"][key]
            found = [line[f"{key}_{part}"] for part in ("mean", "sd", "low", "high")]
            assert [float(n) if n else None for n in found] == pytest.approx(expected, abs=1e-6)
    places = browser.run("[...document.querySelectorAll('td.place')].map(c => c.textContent)")
    assert [line["place"] for line in lines] == places
    assert "ece_mean" not in lines[0]


@needs_chromium
def test_csv_follows_search_order_and_differences(browser, worst):
    rows, path = worst
    text = copied(browser, path, "csv", "#q=focal&sort=-macro_auc")
    assert [line["method"] for line in csv.DictReader(io.StringIO(text))] == ["focal"]
    text = copied(browser, path, "csv", "#sort=name&reference=focal")
    lines = {line["method"]: line for line in csv.DictReader(io.StringIO(text))}
    assert "macro_f1_difference_sd" not in lines["focal"]
    assert list(lines) == sorted(lines)
    means = {r["name"]: r["metrics"]["macro_f1"][0] for r in rows}
    for name, line in lines.items():
        apart = means[name] - means["focal"]
        assert float(line["macro_f1_difference_mean"]) == pytest.approx(apart, abs=3e-6)
    text = copied(browser, path, "csv", "#view=classes")
    assert next(csv.reader(io.StringIO(text)))[2:6] == [
        f"recall[nv]_{part}" for part in ("mean", "sd", "low", "high")
    ]
    text = copied(browser, path, "csv", "#view=groups")
    assert "tail_recall_mean" in text.splitlines()[0]


@needs_chromium
def test_a_name_like_a_formula_is_text(browser, tmp_path):
    from medtail.benchmark.boards import leaderboard
    from tests.benchmark.scoring.outsiders import board_of, put

    put(board_of(tmp_path), '=HYPERLINK("http://x","y")')
    leaderboard.render(tmp_path)
    text = copied(browser, tmp_path / "index.html", "csv", "#board=fake@natural")
    names = [line[1] for line in csv.reader(io.StringIO(text))]
    assert '\'=HYPERLINK("http://x","y")' in names
    assert not any(name.startswith("=") for name in names)


@needs_chromium
def test_latex_says_every_name_and_the_numbers_of_the_table(browser, worst):
    rows, path = worst
    text = copied(browser, path, "tex")
    head, body = text.split("\\midrule\n")
    assert head.splitlines()[2].startswith("\\begin{tabular}{rlr")
    lines = body.split("\\bottomrule")[0].splitlines()
    cells = [re.split(r"(?<!\\) & ", line.removesuffix(" \\\\")) for line in lines]
    names = {untex(line[1]) for line in cells}
    assert names == {" ".join(row["name"].split()) for row in rows}
    width = len(re.search(r"\{rl(r+)\}", head)[1]) + 2
    assert {len(line) for line in cells} == {width}
    for line in cells:
        row = next(r for r in rows if " ".join(r["name"].split()) == untex(line[1]))
        mean, sd = row["metrics"]["balanced_accuracy"][:2]
        number = f"{100 * mean:.1f}"
        assert line[2].replace(f"\\textbf{{{number}}}", number) == f"{number} $\\pm$ {100 * sd:.1f}"
    assert text.count("\\textbf{") >= width - 2
    # Nothing that LaTeX reads stands in a name without its escape.
    assert not re.search(r"(?<!\\)[#_]", body)
    assert not re.search(r"(?<!\\)%", body)


@needs_chromium
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here")
@pytest.mark.parametrize("address", ["", "#reference=focal", "#view=classes", "#view=two"])
def test_latex_compiles(browser, worst, tmp_path, address):
    table = copied(browser, worst[1], "tex", address)
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        f"{table}\\end{{document}}\n"
    )
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1500:]


@needs_chromium
def test_where_copying_is_not_allowed_the_text_is_selected(browser, drawn_page):
    browser.show(drawn_page, "#board=fake@natural")
    browser.run("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
    browser.run("document.getElementById('export').open = true")
    browser.run("document.getElementById('export-csv-copy').focus()")
    browser.press("Enter")
    assert "selected" in browser.run("document.getElementById('exported').textContent")
    assert browser.run("String(getSelection()).startsWith('place,method')")
    assert EVIL in browser.run("document.querySelector('.export pre').textContent")
    assert browser.run("window.hacked === undefined && !document.querySelector('img')")
