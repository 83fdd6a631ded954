"""``medtail data duplicates``: what it prints, and the file it writes."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from tests.twins import write_csv, write_image


@pytest.fixture
def table(tmp_path, monkeypatch):
    """40 images; [red]x[/red].png is 000.png again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    rows = [(f"{n:03d}.png", "ab"[n % 2]) for n in range(40)]
    for n, (name, _) in enumerate(rows):
        write_image(tmp_path / name, n)
    Image.open("000.png").save("[red]x.png")
    write_csv(tmp_path / "t.csv", ("image", "label"), [*rows, ("[red]x.png", "b")])


def call(*words):
    given = ["data", "duplicates", *words, "--set", "file=t.csv", "--size", "16"]
    return CliRunner().invoke(app, given)


def test_it_lists_all(table):
    result = call("image_table@natural")
    assert result.exit_code == 0, result.output
    assert "1 images stand in 2 rows of 41, compared at 16 x 16 pixels" in result.stdout
    assert "1. '000.png' (a, " in result.stdout
    assert "'[red]x.png' (b, " in result.stdout
    assert "LABELS DIFFER" in result.stdout


def test_it_writes_a_new_file(table, tmp_path):
    assert "d.csv: written" in call("image_table", "--csv", "d.csv").stdout
    written = (tmp_path / "d.csv").read_text()
    assert written.startswith("image,id,label,split,excluded,labels,files\n")
    assert len(written.splitlines()) == 3
    again = call("image_table", "--csv", "d.csv")
    assert "exists already: name a new file" in str(again.exception)
    assert (tmp_path / "d.csv").read_text() == written
