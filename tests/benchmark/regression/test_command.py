"""The commands regress and golden, on folders of boards."""

import re

import pytest
from typer.testing import CliRunner

from medtail.benchmark.boards.leaderboard import publish, read_predictions
from medtail.benchmark.cli.main import app
from medtail.benchmark.evidence.record import read_lines
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.regression.grids import grid
from tests.boards import failed


@pytest.fixture
def folders(tmp_path):
    publish(tmp_path / "base", grid(seeds=3))
    publish(tmp_path / "same", grid(seeds=3))
    publish(tmp_path / "worse", grid(seeds=3, lottery=1, ldam=0.3))
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "160"})


def test_the_command_exits_by_the_verdict(folders):
    same = run("regress", folders / "base", folders / "same")
    assert same.exit_code == 0
    assert "4 of 4 rows are equal" in same.output
    worse = run("regress", folders / "base", folders / "worse")
    assert worse.exit_code == 1
    assert re.search(r"ldam .* drop", worse.output)
    assert re.search(r"crt .* moved", worse.output)
    assert "fake@natural, balanced accuracy, in %" in worse.output
    assert "metric" not in worse.output.splitlines()[2]
    others = run("regress", folders / "base", folders / "worse", "--method", "crt,erm")
    assert others.exit_code == 0
    assert (
        run("regress", folders / "base", folders / "worse", "--method", "crt", "--exact").exit_code
        == 1
    )


def test_a_missing_row_fails_unless_it_was_not_asked_for(folders, tmp_path):
    publish(tmp_path / "part", grid(seeds=3, methods=("erm", "crt")))
    assert run("regress", folders / "base", tmp_path / "part").exit_code == 1
    assert run("regress", folders / "base", tmp_path / "part", "--method", "erm,crt").exit_code == 0


def test_a_folder_without_records_is_one_line(tmp_path):
    result = run("regress", tmp_path, tmp_path)
    assert isinstance(result.exception, MedtailError)
    assert "no records" in str(result.exception)


def test_a_golden_is_replaced_with_a_review(folders):
    result = run("golden", folders / "base", folders / "worse", "--reason", "a new loss")
    assert result.exit_code == 0, result.output
    review = (folders / "base" / "review.md").read_text()
    assert "Reason: a new loss" in review
    line = next(line for line in review.splitlines() if "| ldam |" in line)
    old, new, difference = (float(x) for x in line.split(" | ")[3:6])
    assert difference == pytest.approx(new - old, abs=0.011)
    assert difference < -20
    assert " to " in line
    assert run("regress", folders / "base", folders / "worse").exit_code == 0


def test_a_golden_that_one_stands_in_is_not_pulled_away(folders, monkeypatch):
    monkeypatch.chdir(folders / "base")
    result = run("golden", ".", folders / "worse", "--reason", "x")
    assert "you are in it" in str(result.exception)
    assert (folders / "base" / "records").is_dir()


def test_a_golden_is_replaced_in_part(folders):
    run("golden", folders / "base", folders / "worse", "--reason", "x", "--method", "ldam")
    found = run("regress", folders / "base", folders / "worse")
    assert "1 of 4 rows are equal" in found.output
    assert len(read_lines(folders / "base" / "records" / "fake@natural.jsonl")) == 12
    assert len(read_predictions(folders / "base", "fake@natural")) == 12


def test_a_golden_has_no_failures_and_needs_a_reason(folders, tmp_path):
    publish(tmp_path / "bad", [*grid(seeds=2), failed("bbn")])
    before = (folders / "base" / "records" / "fake@natural.jsonl").read_bytes()
    result = run("golden", folders / "base", tmp_path / "bad", "--reason", "x")
    assert "bbn" in str(result.exception)
    assert run("golden", folders / "base", folders / "worse").exit_code == 2
    assert (folders / "base" / "records" / "fake@natural.jsonl").read_bytes() == before
