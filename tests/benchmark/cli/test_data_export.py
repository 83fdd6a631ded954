"""The command that writes splits: whole files or none, and only CSV on standard output."""

import csv

import pytest
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.datamodules.core.errors import MedtailError

SMALL = ("--set", "count=300", "--size", "8")


def call(*words):
    return CliRunner().invoke(app, ["data", "export", *map(str, words)])


def test_the_table_goes_to_standard_output_or_to_a_file(tmp_path):
    printed = call("phantom@lt20", *SMALL)
    assert printed.exit_code == 0, printed.output
    rows = list(csv.DictReader(printed.stdout.splitlines()))
    assert len(rows) == 300
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    assert "300" not in printed.stderr
    assert "groups known; split digest" in printed.stderr
    out = tmp_path / "deep" / "a.csv"
    kept = call("phantom@lt20", *SMALL, "--out", out)
    assert (kept.stdout, out.read_text()) == ("", printed.stdout)
    assert [p.name for p in out.parent.iterdir()] == ["a.csv"]
    before = out.read_bytes()
    again = call("phantom@lt20", *SMALL, "--set", "split_seed=1", "--out", out)
    assert "exists already: name a new file" in str(again.exception)
    one = tmp_path / "both.csv"
    both = call("phantom@shot5", *SMALL, "--out", one, "--episodes", one)
    assert "a file for each" in str(both.exception)
    assert not one.exists()
    assert out.read_bytes() == before


def test_episodes_go_to_a_file_of_their_own(tmp_path):
    path = tmp_path / "episodes.csv"
    words = ("phantom@shot1", *SMALL, "--out", tmp_path / "a.csv", "--episodes", path)
    assert call(*words, "--test-episodes", 4).exit_code == 0
    assert {row["episode"] for row in csv.DictReader(path.open())} == {"0", "1", "2", "3"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("phantom@natrual",), "did you mean natural"),
        (("phantom@lt20", "--set", "split_sed=1"), "did you mean split_seed"),
        (("phantom@lt20", *SMALL, "--episodes", "e.csv"), "has no episodes"),
    ],
)
def test_mistakes_are_one_clear_line_and_leave_no_file(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    result = call(*words)
    assert isinstance(result.exception, MedtailError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not list(tmp_path.glob("*.csv"))
