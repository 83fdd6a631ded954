"""``medtail data add``: from a file to a name, and from the name to a board."""

import csv
import re

import pytest
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.own.description import read
from tests import commands
from tests.datamodules.core.own.files import many, table
from tests.twins import write_image


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def patients(root):
    """A table with patients, outside of the data root."""
    rows = many(lambda n: f"Annegret {n // 4}")
    return table(root.parent / "mine", rows, ("image", "dx", "Patient ID"))


def add(*words):
    """What the command prints; a mistake is raised."""
    done = CliRunner().invoke(app, ["data", "add", *map(str, words)])
    if done.exception:
        raise done.exception
    return done.stdout


def fails(*words, match):
    with pytest.raises(MedtailError) as caught:
        add(*words)
    assert match in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_writes_the_file_and_prints_the_card(root, patients):
    told = add(patients, "--name", "skin", "--group", "patient_id", "--title", "Skin, by [us]",
               "--licence", "CC0", "--modality", "dermoscopy", "--classes", "malignant, benign",
               "--rare", "malignant", "--copies", "exclude")  # fmt: skip
    assert told.startswith("# skin@natural: Skin, by [us]\n")
    assert "| malignant |" in told
    assert "- groups: 10 of 40 images" in told
    assert "- columns: image image, label dx, group Patient ID" in told
    assert "Annegret" not in told
    facts = read(root / "skin/dataset.yaml")
    assert (facts.classes, facts.rare, facts.copies) == (
        ("malignant", "benign"), ("malignant",), "exclude",
    )  # fmt: skip
    assert (facts.source, facts.licence, facts.modality) == (str(patients), "CC0", "dermoscopy")


def test_what_is_there_is_replaced_only_if_asked(root, patients):
    add(patients, "--name", "skin", "--no-group")
    before = (root / "skin/dataset.yaml").read_bytes()
    fails(patients, "--name", "skin", "--group", "Patient ID", match="--replace writes it anew")
    assert (root / "skin/dataset.yaml").read_bytes() == before
    add(patients, "--name", "skin", "--group", "Patient ID", "--replace")
    assert read(root / "skin/dataset.yaml").group == "Patient ID"
    fails(patients, "--name", "skin", "--replace", match="looks like a group")
    assert read(root / "skin/dataset.yaml").group == "Patient ID"


def test_within_the_data_root_paths_are_relative(root):
    path = table(root / "raw", many())
    add(path, "--name", "skin")
    assert read(root / "skin/dataset.yaml").source == "../raw/t.csv"
    path = table(root / "chest", many())
    add(path, "--name", "chest", "--images", root / "raw")
    facts = read(root / "chest/dataset.yaml")
    assert (facts.source, facts.images) == ("t.csv", "../raw")


def test_nothing_is_written_of_what_does_not_work(root, patients):
    for words, match in (
        (("--name", "skin"), "--group 'Patient ID', or refuse it by --no-group"),
        (("--name", "phantom"), "--name phantom: 'phantom' is a dataset that medtail has"),
        (("--name", "Skin"), "--name Skin: 'Skin' is no name"),
        (("--name", "skin", "--no-group", "--group", "x"), "say one of them"),
        (("--name", "skin", "--group", "patent"), "no column 'patent' (there are image, dx, Pat"),
        (
            ("--name", "skin", "--no-group", "--split", "dx"),
            "say which value is the test by --test",
        ),
        (("--name", "skin", "--no-group", "--channels", "4"), "--channels ...: 4: write 1 or 3"),
        (("--name", "skin", "--no-group", "--window", "x"), "--window ...: x: write window="),
        (("--name", "skin", "--no-group", "--copies", "keep"), "write 'refuse' or 'exclude'"),
        (("--name", "skin", "--no-group", "--classes", "a"), "give two or more names"),
        (("--name", "skin", "--no-group", "--size", "x"), "--size x: write pixels"),
    ):
        fails(patients, *words, match=match)
    fails("nowhere.csv", "--name", "skin", match="nowhere.csv not found")
    assert not root.exists()


def test_frames_and_windows_reach_the_file(root, patients):
    add(patients, "--name", "skin", "--no-group", "--frame", "0", "--channels", "1")
    facts = read(root / "skin/dataset.yaml")
    assert (facts.frame, facts.channels) == (0, 1)
    with pytest.raises(MedtailError, match="a window is for grey"):
        add(patients, "--name", "skin", "--no-group", "--window", "p1-p99", "--replace")
    fails(
        patients, "--name", "chest", "--no-group", "--images", "nowhere", match="no image of column"
    )


def test_what_is_proposed_can_be_written_so(patients):
    with pytest.raises(MedtailError, match=r"by --group 'Patient ID', or refuse it by --no-group$"):
        add(patients, "--name", "skin")


def test_folds(root):
    rows = many(lambda n: f"p{n // 4}", lambda n: n // 4 % 5)
    path = table(root / "raw", rows, ("image", "label", "pid", "fold"))
    said = (path, "--name", "skin", "--group", "pid", "--split", "fold")
    fails(*said, match="say which value is the test by --test-fold 0 (for validation --val-fold")
    told = add(*said, "--test-fold", "0,1", "--val-fold", "2")
    assert "| all       |    16 |   8 |   16 |" in told
    assert "split fold (test: 0, 1) (val: 2)" in told
    bare = table(root / "bare", rows, ("image", "label", "pid", "which"))
    said = (bare, "--name", "other", "--group", "pid")
    fails(*said, "--test-fold", "0,1", match="--test-fold 0,1 is of a column of splits")


def test_names_with_commas_stand_in_quotes(root):
    path = table(root / "raw", [(f"{n}.png", ["a, b", "c"][n % 2]) for n in range(40)])
    add(path, "--name", "skin", "--classes", '"a, b",c')
    assert read(root / "skin/dataset.yaml").classes == ("a, b", "c")
    fails(path, "--name", "other", "--classes", "a\nb", match="names stand in one line")


def medtail(*words, code=0):
    done = commands.run(*words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_a_table_with_patients_to_a_board(root, tmp_path):
    place = tmp_path / "clinic"
    names = [f"img/{n:03d}.png" for n in range(60)]
    for n, name in enumerate(names):
        write_image(place / name, n, 6 * (n % 3))
    with (place / "cases.csv").open("w", newline="", encoding="utf-8-sig") as file:
        rows = [
            (i, f"Annegret {n // 4}", ["no", "yes", "[x|y]"][n % 3]) for n, i in enumerate(names)
        ]
        csv.writer(file, delimiter=";").writerows([("File ", "PatientID", "Diagnosis"), *rows])
    classes = "--classes=no,yes,[x|y]"
    medtail("data", "add", place / "cases.csv", "--name", "skin", "--group", "PatientID", classes)
    assert "skin/dataset.yaml" in medtail("list")
    assert re.search(r"skin +│ 60 ", medtail("data", "status"))
    (tmp_path / "s.yaml").write_text(
        "methods: [erm, ldam]\ndata: [skin@natural, skin@lt3]\nseeds: [0]\n"
        "budget: {epochs: 2, batch_size: 16, optimizer: adamw, lr: 0.003, precision: 32-true}\n"
    )
    run = ("bench", "s.yaml", "--wandb", "disabled", "--launcher")
    assert "4 to run" in medtail(*run, "inline")
    page = (tmp_path / "runs/leaderboards/skin@lt3.md").read_text()
    assert "erm" in page
    assert "ldam" in page
    assert "4 done, 0 to run" in medtail(*run, "inline")
    held = b"".join(p.read_bytes() for p in (tmp_path / "runs").rglob("*") if p.is_file())
    assert b"Annegret" not in held
    assert str(tmp_path).encode() not in held
    medtail(*run, "ray", "--out", "other", "--leaderboards", "boards", "--workers", "1",
            "--method", "erm", "--data", "skin@natural")  # fmt: skip
    one, two = (
        next((tmp_path / out).glob("cells/skin@natural/erm-*/predictions.parquet")).read_bytes()
        for out in ("runs", "other")
    )
    assert one == two
