"""Names are any text: a whole bench on a table of one's own, and all that it writes read back."""

import csv
import html.parser
import json
import re
import struct

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.cli.main import app
from medtail.benchmark.evidence import record as records
from medtail.benchmark.execution.store import Store
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.markup import inert
from medtail.datamodules.core.table import SampleTable
from tests.benchmark.cells import cell
from tests.boards import done, failed

CLASSES = (
    "[nv]", "[/b] other", "</script><img src=x onerror=alert(1)>", "*bold* `code` <!--", "=cmd()",
    "a $x^2$ \\frac{$", "é中文🙂", "..", "x" * 90, "a/b \"q\" 'r'", "{y} %s %DATA%", "_u_ #1 ~~z~~",
    "-dash :smile:", "[a](b)", "CON", "&lt b",
)  # fmt: skip


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    """The folder of a run, and what was printed."""
    root = tmp_path_factory.mktemp("names")
    rng, rows = np.random.default_rng(0), []
    for k, name in enumerate(CLASSES):
        for n in range(9):
            file = f"{k}-{n} [x] <b> $.png"
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(root / file)
            rows.append([file, name, f"=g{k} {n} <i>"])
    with (root / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "label", "patient_id"], *rows])
    params = {"file": str(root / "t.csv"), "group": "patient_id"}
    suite = {
        "title": "[b]title[/b] | <i>",
        "methods": ["erm", "focal"],
        "data": [{"name": "image_table@natural", "params": params}],
        "seeds": [0, 1],
        "image_size": 8,
        "budget": {"epochs": 1, "batch_size": 32, "precision": "32-true"},
    }
    (root / "s.yaml").write_text(json.dumps(suite))
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
    for name in CLASSES:
        assert re.search(re.escape("".join(name.split())) + r"\d", shown), name
    assert "[b]title[/b] | <i>" in benched[1]


def test_records_and_data_have_them(benched):
    out, _ = benched
    found = [records.parse(p.read_text(), str(p)) for p in out.glob("cells/*/*/record.json")]
    assert len(found) == 4
    assert {name for r in found for name in r.class_names} == set(CLASSES)
    made = json.loads((out / "leaderboards/leaderboards.json").read_text())
    assert json.dumps(CLASSES[0]) in json.dumps(made)


def test_tables_of_markdown_keep_their_shape(benched):
    pages = [page.read_text() for page in (benched[0] / "leaderboards").glob("*.md")]
    found = [table for page in pages for table in tables(page)]
    assert len(found) >= 4
    for table in found:
        assert len({len(cells_of(line)) for line in table}) == 1, table[0]
    text = "\n".join(pages)
    head = next(line for line in text.splitlines() if "x" * 90 in line and line.startswith("|"))
    shown = [unescaped(part.strip()).split("<br>train")[0] for part in cells_of(head)]
    assert set(CLASSES) <= set(shown)
    for tag in ("<img", "</script", "<!-- "):
        outside = re.findall(rf"(?<!\\){re.escape(tag)}", text)
        assert len(outside) == text.count("<!-- Written by") * (tag == "<!-- ")


class Page(html.parser.HTMLParser):
    """Tags of a page, and what stands in its scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def test_the_page_has_no_tag_of_theirs(benched):
    text = (benched[0] / "leaderboards/index.html").read_text()
    page = Page()
    page.feed(text)
    page.close()
    assert "img" not in [tag for tag, attrs in page.tags if "onerror" in attrs]
    data = next(json.loads(s) for s in page.scripts if s.lstrip().startswith("{"))
    assert all(json.dumps(name)[1:-1] in json.dumps(data) for name in CLASSES)
    assert len(page.scripts) == 2


def test_the_csv_has_a_column_for_each(benched):
    with (benched[0] / "leaderboards/image_table@natural.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert {f"recall[{name}]_mean" for name in CLASSES} <= set(head)
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
    assert '"=cmd | `x` <img> [b]",' in (tmp_path / "fake@natural.csv").read_text()


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
