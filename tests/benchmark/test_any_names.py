"""Names are any text: a whole bench on a table of one's own, and all that it writes read back."""

import csv
import json
import re
import shutil
import struct

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.cli import terminal
from medtail.benchmark.cli.main import app
from medtail.benchmark.evidence import record as records
from medtail.benchmark.execution.store import Store
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.markup import inert
from medtail.datamodules.core.table import SampleTable
from tests import chromium
from tests.benchmark.cells import cell
from tests.benchmark.nasty import (
    NAMES,
    OBEYED_BY_TERMINALS,
    Page,
    check_csv,
    check_latex,
    check_markdown,
    check_terminal,
)
from tests.boards import done, failed


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    """The folder of a run, and what was printed."""
    root = tmp_path_factory.mktemp("names")
    rng, rows = np.random.default_rng(0), []
    for k, name in enumerate(NAMES):
        for n in range(9):
            file = f"{k}-{n} [x] <b> $.png"
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(root / file)
            rows.append([file, name, f"=g{k} {n} <i>"])
    with (root / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "label", "patient_id"], *rows])
    params = {"file": str(root / "t.csv"), "group": "patient_id", "classes": NAMES}
    suite = {
        "title": "[b]title[/b] | <i>",
        "methods": ["erm", "focal"],
        "data": [{"name": "image_table@natural", "params": params}],
        "seeds": [0, 1],
        "image_size": 8,
        "budget": {"epochs": 1, "batch_size": 32, "precision": "32-true"},
    }
    (root / "s.yaml").write_text(json.dumps(suite, ensure_ascii=False))
    words = ["bench", str(root / "s.yaml"), "--out", str(root / "r"), "--wandb", "disabled"]
    result = CliRunner().invoke(app, [*words, "--launcher", "inline"], env={"COLUMNS": "4000"})
    assert result.exit_code == 0, result.output
    return root / "r", result.output


def cells_of(line):
    return re.split(r"(?<!\\)\|", line.strip().strip("|"))


def tables(text):
    """Runs of lines of a Markdown table, outside of code."""
    return [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]


def unescaped(text):
    return re.sub(r"\\([^\w\s]|_)", r"\1", text)


def test_the_terminal_shows_them(benched):
    shown = "".join(benched[1].split())  # a terminal folds a long name
    for name in NAMES:
        assert re.search(re.escape("".join(name.split())) + r"\d", shown), name
    assert "[b]title[/b] | <i>" in benched[1]


def test_records_and_data_have_them(benched):
    out, _ = benched
    found = [records.parse(p.read_text(), str(p)) for p in out.glob("cells/*/*/record.json")]
    assert len(found) == 4
    assert {name for r in found for name in r.class_names} == set(NAMES)
    made = json.loads((out / "leaderboards/leaderboards.json").read_text())
    assert json.dumps(NAMES[0]) in json.dumps(made)


def test_tables_of_markdown_keep_their_shape(benched):
    pages = [page.read_text() for page in (benched[0] / "leaderboards").glob("*.md")]
    found = [table for page in pages for table in tables(page)]
    assert len(found) >= 4
    for table in found:
        assert len({len(cells_of(line)) for line in table}) == 1, table[0]
    text = "\n".join(pages)
    head = next(line for line in text.splitlines() if "x" * 90 in line and line.startswith("|"))
    shown = [unescaped(part.strip()).split("<br>train")[0] for part in cells_of(head)]
    assert set(NAMES) <= set(shown)
    for tag in ("<img", "</script", "<!-- "):
        outside = re.findall(rf"(?<!\\){re.escape(tag)}", text)
        assert len(outside) == text.count("<!-- Written by") * (tag == "<!-- ")


def test_the_page_has_no_tag_of_theirs(benched):
    text = (benched[0] / "leaderboards/index.html").read_text()
    page = Page(text)
    assert "img" not in [tag for tag, attrs in page.tags if "onerror" in attrs]
    data = next(json.loads(s) for s in page.scripts if s.lstrip().startswith("{"))
    assert all(json.dumps(name)[1:-1] in json.dumps(data) for name in NAMES)
    assert len(page.scripts) == 2


def test_the_csv_has_a_column_for_each(benched):
    with (benched[0] / "leaderboards/image_table@natural.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert {f"recall[{name}]_mean" for name in NAMES} <= set(head)
    assert {len(line) for line in lines} == {len(head)}


def test_the_picture_is_one_of_a_bearable_size(benched):
    start = (benched[0] / "leaderboards/image_table@natural.png").read_bytes()[:24]
    assert start[:8] == b"\x89PNG\r\n\x1a\n"
    assert max(struct.unpack(">II", start[16:])) < 4000


def test_reasons_and_names_of_others_are_text(tmp_path):
    reason = "x | y <img src=x> [b] `c` $z$ **w**"
    record, scores = done("erm")
    named = record.model_copy(
        update={"cell": record.cell.model_copy(update={"label": "=cmd | `x` <img> [b]"})}
    )
    leaderboard.publish(tmp_path, [(named, scores), failed("focal", reason=reason)])
    leaderboard.render(tmp_path)
    text = (tmp_path / "fake@natural.md").read_text()
    assert inert(reason) in text
    assert "<img src" not in re.sub(r"\\<", "", text)
    assert all(len({len(cells_of(line)) for line in t}) == 1 for t in tables(text))
    assert ",'=cmd | `x` <img> [b]," in (tmp_path / "fake@natural.csv").read_text()


def run(*words, folder):
    result = CliRunner().invoke(
        app,
        [*map(str, words), "--leaderboards", str(folder / "leaderboards")],
        env={"COLUMNS": "4000"},
    )
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_pages_of_boards_obey_none_of_them(benched):
    out, told = benched
    check_terminal(told, NAMES)
    boards = out / "leaderboards"
    pictures = {path.name for path in boards.glob("*.png")}
    for page in boards.glob("*.md"):
        check_markdown(page.read_text(), NAMES if "@" in page.name else (), pictures)
    check_csv(csv.reader((boards / "image_table@natural.csv").open(newline="")))


def test_a_report_obeys_none_of_them(benched, tmp_path):
    words = ("report", "image_table@natural", "--out", tmp_path / "paper")
    check_terminal(run(*words, folder=benched[0]))
    texts = {path.name: path.read_text() for path in (tmp_path / "paper").iterdir()}
    for name in ("methods.md", "tables.md", "checklist.md"):
        check_markdown(texts[name])
    check_markdown(texts["tables.md"], NAMES)
    for name in ("methods.tex", "tables.tex", "references.bib"):
        check_latex(texts[name])


def test_decisions_obey_none_of_them(benched, tmp_path):
    words = ("decisions", "image_table@natural", "--out", tmp_path)
    check_terminal(run(*words, folder=benched[0]))
    pages = list(tmp_path.rglob("*.md"))
    assert pages
    for page in pages:
        check_markdown(page.read_text(), NAMES, {p.name for p in tmp_path.rglob("*.png")})


def test_a_comparison_obeys_none_of_them(benched):
    check_terminal(run("compare", "erm", "focal", folder=benched[0]))


def test_what_is_handed_out_has_names_as_they_are(benched, tmp_path):
    """Files that medtail, or a program with the same ids, reads again: nothing is changed."""
    out = benched[0]
    words = ["data", "export", "image_table", "--out", str(tmp_path / "list.csv"), "--size", "8"]
    table = out.parent / "t.csv"
    for given in (
        f"file={table}",
        "group=patient_id",
        f"classes={json.dumps(NAMES, ensure_ascii=False)}",
    ):
        words += ["--set", given]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    with (tmp_path / "list.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert {line["label"] for line in listed} == set(NAMES)
    held_out = {line["id"] for line in listed if line["split"] == "test"}
    network = next(out.glob("cells/*/*/network.json")).parent
    written = tmp_path / "p.csv"
    result = CliRunner().invoke(app, ["predict", str(network), str(table), "--out", str(written)])
    assert result.exit_code == 0, (result.output, result.exception)
    check_terminal(result.output)
    with written.open(newline="") as file:
        head, *lines = csv.reader(file)
    assert set(NAMES) <= set(head) | {column.partition(":")[2] for column in head}
    # Scores of an outsider, whose name and note are somebody's text, too.
    shutil.copytree(out / "leaderboards", tmp_path / "leaderboards")
    with written.open("w", newline="") as file:  # by number: no column can be told to be of ".."
        kept = [line for line in lines if line[0] in held_out]
        csv.writer(file).writerows([["id", *range(len(NAMES)), "best"], *kept])
    data = ("--data", "image_table@natural", "--name", NAMES[2], "--note", NAMES[5])
    check_terminal(run("score", written, *data, "--add", folder=tmp_path), NAMES[2:3])
    pictures = {path.name for path in (tmp_path / "leaderboards").glob("*.png")}
    page = (tmp_path / "leaderboards/image_table@natural.md").read_text()
    check_markdown(page, NAMES, pictures)


@pytest.mark.parametrize("name", OBEYED_BY_TERMINALS)
def test_what_a_terminal_obeys_is_no_name_of_data(name):
    table = SampleTable(np.array(["i"]), np.array([0]))
    with pytest.raises(DataError, match=r"^mine: the class '.*' has a control character") as caught:
        table.check("mine", (name,))
    check_terminal(str(caught.value))
    with pytest.raises(DataError, match=r"^mine: the id '.*' has a control character"):
        SampleTable(np.array([name]), np.array([0])).check("mine", ("a",))


@pytest.mark.parametrize("name", OBEYED_BY_TERMINALS)
def test_what_a_terminal_obeys_is_shown_by_no_board(tmp_path, name, capsys):
    """Records are somebody's files, too."""
    made = []
    for seed in (0, 1):
        record, scores = done("erm", seed)
        labelled = record.cell.model_copy(update={"label": name})
        made.append((record.model_copy(update={"cell": labelled}), scores))
    leaderboard.publish(tmp_path, [*made, failed("focal", reason=f"{name}: {name}")])
    leaderboard.render(tmp_path)
    page = (tmp_path / "fake@natural.md").read_text()
    check_markdown(page, pictures={path.name for path in tmp_path.glob("*.png")})
    check_csv(csv.reader((tmp_path / "fake@natural.csv").open(newline="")))
    check_terminal((tmp_path / "fake@natural.csv").read_text())
    page = Page((tmp_path / "index.html").read_text())
    inside = json.loads(next(s for s in page.scripts if s.lstrip().startswith("{")))
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", json.dumps(inside, ensure_ascii=False))
    for table in leaderboard.terminal_tables([record for record, _ in made]):
        terminal.console().print(table)
    terminal.console().print(f"{name}: {name}")
    check_terminal(capsys.readouterr().out)


@pytest.mark.skipif(chromium.find() is None, reason="no Chromium here")
def test_a_browser_runs_no_script_of_a_name(benched):
    with chromium.Chromium() as browser:
        browser.show(benched[0] / "leaderboards/index.html")
        text = browser.run("document.body.innerText")
        assert browser.run("document.querySelectorAll('img, iframe, object').length") == 0
        assert not browser.errors()
        assert all(address.startswith("file:") for address in browser.requests())
        assert NAMES[2] in text


def test_folders_of_cells_have_names_that_files_may_have(tmp_path):
    store = Store(tmp_path)
    for row in ("../../x", "a" * 400, "中" * 200, "[b] | <i> / \\ : *", "..", ""):
        folder = store.folder(cell().model_copy(update={"label": row}))
        assert folder.parent == store.folder(cell()).parent
        assert len(folder.name.encode()) < 200
        folder.mkdir(parents=True)
    assert len(list(folder.parent.iterdir())) == 6


@pytest.mark.parametrize("what", ["class", "id", "group"])
def test_names_of_another_encoding_are_one_line(what):
    odd = b"caf\xe9".decode(errors="surrogateescape")
    names = {"class": "a", "id": "i", "group": "g"} | {what: odd}
    table = SampleTable(np.array([names["id"]]), np.array([0]), group=np.array([names["group"]]))
    with pytest.raises(DataError, match=rf"mine: the {what} 'caf\\udce9' is not UTF-8"):
        table.check("mine", (names["class"],))
