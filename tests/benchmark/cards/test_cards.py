"""Cards of methods and datasets: complete, right, the same twice, and nothing lost."""

import html
import io
import re
import shutil
import subprocess
import sys
from statistics import median

import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image
from typer.testing import CliRunner

from medtail import datamodules, methods
from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.section import sections
from medtail.benchmark.cards import data_pages, method_pages, pictures
from medtail.benchmark.cards import evidence as card_evidence
from medtail.benchmark.cards.docstrings import PARTS, arguments, escaped, parse
from medtail.benchmark.cli.main import app
from medtail.benchmark.grid.cell import Terms
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT
from tests.boards import COST, ONE, TERMS, done, failed, files, one_class, with_value

COMMITTED, BOARDS = ROOT / "docs/cards", ROOT / "leaderboards"
OURS = sorted(name for name in methods.registry() if not methods.origin(name))
EVERY = pytest.mark.parametrize("name", sorted(methods.registry()))
STALE = "run `medtail cards` and commit docs/cards"


def write(out, *more):
    """Run the command; what it printed, its exit status or the error."""
    return CliRunner().invoke(app, ["cards", "--out", str(out), *more])


@pytest.fixture
def few(monkeypatch):
    """Two methods and two datasets, one without files: quick."""
    some = {name: methods.registry()[name] for name in ("erm", "ldam")}
    data = {name: datamodules.registry()[name] for name in ("breastmnist", "isic2018")}
    monkeypatch.setattr(methods, "registry", lambda: some)
    monkeypatch.setattr(datamodules, "registry", lambda: data)


@pytest.fixture
def breast(tmp_path):
    """BreastMNIST's format with made-up images, in the data root of this test."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data/medmnist"
    folder.mkdir(parents=True)
    arrays = {}
    for split, n in (("train", 40), ("val", 10), ("test", 10)):
        arrays[f"{split}_images"] = rng.integers(0, 255, (n, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 4 > 0).astype(np.uint8)[:, None]
    path = folder / "breastmnist.npz"
    np.savez(path, **arrays)
    told = subprocess.run(["md5sum", path], capture_output=True, text=True, check=True).stdout
    path.with_suffix(".npz.md5").write_text(told.split()[0])
    return path


# Docstrings.


@EVERY
def test_every_card_has_all_its_parts(name):
    card = parse(name)
    assert tuple(card.parts) == PARTS
    assert card.title.endswith(".")
    assert card.parts["Status"] == f"{methods.get(name).status}."
    whole = " ".join((sys.modules[methods.get(name).__module__].__doc__ or "").split())
    told = " ".join([card.title, *(f"{p}: {text}" for p, text in card.parts.items())])
    assert told == whole, "no word of the docstring is lost"


@EVERY
def test_every_own_parameter_is_described(name):
    told = arguments(methods.get(name))
    for key in methods.defaults(name):
        assert told.get(key), f"{methods.get(name).__name__}: its Args do not say what {key} is"


@EVERY
def test_markdown_shows_what_the_docstring_says(name):
    reader = MarkdownIt("commonmark").enable(["strikethrough", "table"])
    for text in parse(name).parts.values():
        shown = html.unescape(re.sub(r"<.*?>", "", reader.render(f"**P**: {escaped(text)}")))
        assert shown.strip() == f"P: {text.replace('``', '')}"


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


def test_args_come_from_the_class_that_says_them():
    class Above:
        """A.

        Args:
            one, two: of above,
                in two lines.
            three: above's.

        Raises:
            four: no argument.
        """

    class Below(Above):
        """B.

        Args:
            one: see ``Above``.
            three: its own.
        """

    told = {"one": "of above, in two lines.", "two": "of above, in two lines."}
    assert arguments(Below) == told | {"three": "its own."}


def test_stages_say_what_they_ask_for():
    assert method_pages.training("erm") == ["- `train`: all epochs; plain batches"]
    assert (
        "second stream: batches of 8 classes with 4 images"
        in method_pages.training("metric_two_stage")[0]
    )
    first, second = method_pages.training("crt")
    assert "80 %" in first
    assert "[`erm`](erm.md)" in first
    assert second == "- `classifier`: 20 % of the epochs; images drawn by `class_balanced`"
    assert "(parameter `learner`)" in method_pages.training("badge")[0]


# Costs and results.


def costed(method, seed, seconds, parameters=10, images=100, **changes):
    cost = COST.model_copy(
        update={
            "train_seconds": seconds,
            "parameters": parameters,
            "images": images,
            "device": changes.pop("device", "cpu"),
            "devices": changes.pop("devices", 1),
        }
    )
    return done(method, seed, cost=cost, **changes)[0]


def test_the_plain_method_changes_nothing():
    assert card_evidence.plain_method() == "erm"


def test_cost_is_relative_to_the_same_table_and_seed():
    other = Terms(data="fake@lt100")
    first = [
        costed("erm", 0, 10.0),
        costed("erm", 1, 20.0),
        costed("erm", 2, 40.0),
        costed("focal", 0, 30.0, 15, 200),
        costed("focal", 1, 20.0, 15, 200),
        costed("focal", 2, 20.0, 15, 200),
        costed("focal", 3, 999.0),  # no such seed of the plain method
        failed("ldam", 0)[0],
    ]
    second = [
        costed("erm", 0, 100.0, terms=other),
        costed("focal", 0, 400.0, 10, 300, terms=other),
        costed("focal", 0, 50.0, terms=other, params={"gamma": 1.0}),
        costed("mixup", 0, 50.0, terms=other, device="a GPU"),
        costed("remix", 0, 50.0, terms=other, devices=2),
    ]
    third = [costed("focal", 0, 7.0, terms=Terms(data="fake@step50"))]  # no plain method
    tables = [s for part in (first, second, third) for s in sections(part)]
    found = card_evidence.costs(tables, "erm")
    by_table = [median([30 / 10, 20 / 20, 20 / 40]), 400 / 100]
    ratio = found["focal"]["focal"]
    assert ratio.seconds == median(by_table) == 2.5
    assert (ratio.low, ratio.high) == (0.5, 4.0)
    assert ratio.parameters == median([15 / 10, 10 / 10])
    assert ratio.images == median([200 / 100, 300 / 100])
    assert ratio.tables == 2
    assert found["focal"]["focal(gamma=1.0)"].seconds == 0.5
    assert found["erm"]["erm"][:3] == (1.0, 1.0, 1.0)
    assert found.keys() == {"focal", "erm"}


def test_a_method_without_the_plain_one_beside_it_has_no_cost():
    text = method_pages.page("ldam", parse("ldam"), "erm", {}, [], "boards")
    assert "n/a: no table has trainings" in text
    assert "On no board yet." in text


def test_results_are_those_of_the_boards(tmp_path):
    records = [with_value(v, m, s) for m, v in (("erm", 0.5), ("ldam", 0.6)) for s in (0, 1)]
    records += [failed("focal", s)[0] for s in (0, 1)]
    leaderboard.publish(tmp_path, [(r, done(r.cell.method, r.cell.seed)[1]) for r in records])
    more = [one_class("knn", s, 0.7, terms=ONE) for s in (0, 1)]
    leaderboard.publish(tmp_path, more)
    leaderboard.render(tmp_path)
    boards = list(card_evidence.boards(tmp_path))
    found = card_evidence.results(boards)
    assert found.keys() == {"erm", "ldam", "focal", "knn"}
    (ldam,) = found["ldam"]
    standing = boards[0].standings[0].rows["ldam"]
    low, high = standing.intervals["balanced_accuracy"][1:]
    assert ldam[:5] == ("fake@natural", 0, "ldam", "balanced accuracy", "60.0 ± 0.0")
    assert ldam.interval == f"{100 * low:.1f} to {100 * high:.1f}"
    assert ldam.rank == "1 of 2"
    assert [int(n) for n in re.findall(r"\d+", ldam.ranks)] == sorted(set(standing.rank))
    assert found["erm"][0].rank == "2 of 2"
    assert (found["focal"][0].value, found["focal"][0].rank) == ("✗", "-")
    assert found["knn"][0].metric == "AUROC"
    text = method_pages.page("ldam", parse("ldam"), "erm", {}, found["ldam"], "../up")
    assert "| [fake@natural](../up/fake@natural.md) | `ldam` | balanced accuracy | 60.0" in text


def test_rows_of_other_tables_and_parameters_have_their_own_lines():
    terms = (TERMS, TERMS.model_copy(update={"backbone": "other"}))
    records = [with_value(0.5, "ldam", terms=t) for t in terms]
    records += [with_value(0.4, "ldam", params={"drw": False, "scale": 30.0})]
    parts = sections(records)
    board = card_evidence.Board(
        "fake@natural", parts, [card_evidence.Standing(key="", rows={}) for _ in parts]
    )
    lines = card_evidence.results([board])["ldam"]
    assert [(r.table, r.variant) for r in lines] == [
        (1, "ldam"),
        (1, "ldam(drw=False)"),
        (2, "ldam"),
    ]


# Datasets.


def test_training_counts_of_every_board(tmp_path):
    longtail = [with_value(0.5)]
    oneclass = [one_class(terms=ONE)[0]]
    boards = [
        card_evidence.Board("fake@oneclass", sections(oneclass), []),
        card_evidence.Board("fake@natural", sections(longtail), []),
        card_evidence.Board("fakes@natural", sections(longtail), []),
    ]
    mine = data_pages.about(boards, "fake")
    assert [b.slug for b in mine] == ["fake@natural", "fake@oneclass"]
    text = data_pages._boards(mine, "../b")
    assert "- [fake@oneclass](../b/fake@oneclass.md): one-class" in text
    assert "| Class | @natural | @oneclass |" in text
    assert "| nv | 900 | 4,693 |" in text
    assert "| not nv |  | 0 |" in text
    assert "| all | 960 | 4,693 |" in text


@pytest.mark.parametrize("slug", sorted(datamodules.registry()))
def test_a_dataset_without_files_has_a_card(slug):
    text = data_pages.short(slug)
    assert "\n\n\n" not in text
    assert not data_pages.is_full(text)
    made = data_pages.module_of(slug)
    if made is None:
        assert "cannot be used" in text
    else:
        found = data_pages.summary(slug, text)
        assert (found.title, found.licence) == (made.title, made.licence)
        assert made.citation in text
        assert all(name in text for name in made.class_names)
        assert (found.images, found.groups) == ("", "")
        assert not made.files or "- files: " in text


def test_only_images_that_the_project_drew_are_free():
    every = [data_pages.module_of(slug) for slug in datamodules.registry()]
    assert [m.name.dataset for m in every if m and pictures.free(m)] == ["phantom"]


def test_class_examples_are_training_images_of_different_groups():
    module = datamodules.build("phantom", count=200)
    module.prepare()
    chosen = pictures.examples(module, 6)
    train = set(module.rows("train").tolist())
    for target, rows in enumerate(chosen):
        assert set(rows.tolist()) <= train
        assert (module.table.target[rows] == target).all()
        groups = module.table.group[rows]
        available = module.table.group[[r for r in train if module.table.target[r] == target]]
        assert len(set(groups)) == len(groups) == min(6, len(set(available)))
    first = pictures.picture(module)
    assert pictures.picture(module) == first
    with Image.open(io.BytesIO(first)) as image:
        assert not {"Software", "Creation Time", "date"} & set(image.info)
        assert image.height > len(chosen) * pictures.SIDE


def test_the_picture_shows_each_image_in_its_class_row(breast):
    module = datamodules.build("breastmnist")
    module.prepare()
    chosen = pictures.examples(module)
    with Image.open(io.BytesIO(pictures.picture(module))) as image:
        sheet = np.asarray(image.convert("RGB"))
    for k, rows in enumerate(chosen):
        y = pictures.TOP + k * (2 * 28 + pictures.GAP)
        for row in rows.tolist():
            wanted = module.store.images[row][..., 0].repeat(2, 0).repeat(2, 1)
            band = sheet[y : y + 56, :, 0]
            places = [
                x for x in range(band.shape[1] - 55) if np.array_equal(band[:, x : x + 56], wanted)
            ]
            assert len(places) == 1


# The command.


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


# What is committed.


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
    made = method_pages.page(name, parse(name), "erm", *mine, "../../../leaderboards")
    text = path.read_text()
    if evidence is None:  # such as after a benchmark: figures of other records
        made, text = (page.partition("\n## Cost")[0] for page in (made, text))
    assert text == made, STALE


def test_no_card_is_left_of_what_is_no_more():
    assert {p.stem for p in (COMMITTED / "methods").glob("*.md")} == set(OURS), STALE
    ours = {slug for slug in datamodules.registry() if not datamodules.origin(slug)}
    assert {p.stem for p in (COMMITTED / "data").glob("*.md")} == ours, STALE


def test_committed_cards_show_no_real_image_and_no_place_of_a_machine():
    assert [p.name for p in COMMITTED.rglob("*") if p.suffix not in ("", ".md")] == ["phantom.png"]
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
