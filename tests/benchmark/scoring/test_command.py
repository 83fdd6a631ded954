"""The command score: what it prints and keeps, and that boards stay as they are."""

import json

import pytest
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.tables import LOGITS, write
from tests.boards import NAMES, files


def call(*words):
    return CliRunner().invoke(app, ["score", *map(str, words)], env={"COLUMNS": "200"})


def test_the_command_prints_and_keeps_and_leaves_the_board_alone(board, tmp_path):
    path, out, before = write(tmp_path / "a.csv", LOGITS), tmp_path / "a.json", files(board)
    result = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    kept = json.loads(out.read_text())
    value = kept["metrics"]["balanced_accuracy"]
    assert f"Balanced accuracy {100 * value:.1f}" in words
    assert f"would be {kept['rank']['place']} of 4 by balanced accuracy" in words
    assert "read as logits" in words
    assert "no provenance" in words
    assert kept["classes"].keys() == set(NAMES)
    assert files(board) == before
    again = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert "exists already" in str(again.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--data", "fake@shot5"), "a few-shot score is of episodes"),
        (("--data", "fake@active"), "an active score is of the course of labelling"),
        (("--data", "fake@lt100"), "unknown dataset 'fake'"),
        (("--data", "isic2018@natrual"), "natrual"),
        (("--data", "isic2018@lt77"), "files not found"),
        (("--data", "fake@natural", "--form", "odds"), "write probabilities or logits"),
    ],
)
def test_what_cannot_be_scored_is_one_clear_line(board, tmp_path, words, told):
    path = write(tmp_path / "a.csv", LOGITS)
    result = call(path, *words, "--leaderboards", board)
    assert isinstance(result.exception, MedtailError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)


def test_out_does_not_go_among_the_boards(board, tmp_path):
    path, out = write(tmp_path / "a.csv", LOGITS), board / "records" / "new.json"
    result = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert "only what medtail ran itself" in str(result.exception)
    assert not out.exists()
