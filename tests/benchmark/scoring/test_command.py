"""The command score: what it prints and keeps, and that boards stay as they are."""

import json
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.benchmark.scoring import submission
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.tables import LOGITS, write
from tests.boards import NAMES, files, predictions
from tests.twins import medmnist_twin

WIDE = {"COLUMNS": "200"}


def call(*words):
    return CliRunner().invoke(app, ["score", *map(str, words)], env=WIDE)


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
        ((), "--data: name the board"),
        (("--data", "fake@natural", "--add"), "--add: say by --name"),
        (("--data", "fake@natural", "--note", "x"), "belong to --add"),
        (("--data", "fake@natural", "--remove", "x"), "takes no file"),
        (("--data", "fake@natural", "--against", "fokal"), "did you mean focal"),
        (("--data", "fake@natural", "--against", "erm", "--name", "erm"), "--name erm: a row"),
    ],
)
def test_what_cannot_be_scored_is_one_clear_line(board, tmp_path, words, told):
    path = write(tmp_path / "a.csv", LOGITS)
    result = call(path, *words, "--leaderboards", board)
    assert isinstance(result.exception, MedtailError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)


def test_several_trainings_are_told_one_by_one_and_compared_in_pairs(board, tmp_path):
    paths = []
    for seed in (0, 1):
        given = predictions("focal", seed).logits.astype(float)
        paths.append(write(tmp_path / f"{seed}.csv", given))
    out = tmp_path / "a.json"
    words = (*paths, "--data", "fake@natural", "--leaderboards", board)
    result = call(*words, "--against", "erm, ldam", "--out", out)
    assert result.exit_code == 0, result.output
    told, kept = " ".join(result.output.split()), json.loads(out.read_text())
    values = [100 * one["balanced_accuracy"] for one in kept["trainings"]]
    mean, sd = statistics.mean(values), statistics.stdev(values)
    low, high = (100 * end for end in kept["intervals"]["balanced_accuracy"])
    line = f"Balanced accuracy {mean:.1f} ± {sd:.1f} {low:.1f} to {high:.1f}"
    assert f"{line} {values[0]:.1f}, {values[1]:.1f}" in told
    assert "2 trainings (their seeds 0, 1; paired with the board's 0 to 1)" in told
    compared = CliRunner().invoke(
        app, ["compare", "focal", "erm", "ldam", "--leaderboards", str(board)], env=WIDE
    )
    tables = compared.output.replace("focal against", "these predictions ◇ against")
    for table in tables.split("Intervals of 95 %")[0].split("these predictions")[1:]:
        assert " ".join(table.split()) in told


def test_predictions_are_put_on_a_board_and_taken_off(board, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(board, "leaderboards")
    before = files(Path("leaderboards"))
    path = write(tmp_path / "a.csv", LOGITS)
    words = (path, "--data", "fake@natural", "--name", "[red]Mine", "--add", "--note", "at home")
    result = call(*words)
    assert result.exit_code == 0, result.output
    assert "[red]Mine: beside the rows of runs/leaderboards/fake@natural.md" in result.output
    assert "submitted predictions: training not seen by medtail" in result.output
    page = Path("runs/leaderboards/fake@natural.md")
    assert "`[red]Mine` ◇" in page.read_text()
    assert files(Path("leaderboards")) == before  # the project's own boards
    compared = CliRunner().invoke(
        app, ["compare", "[red]Mine", "erm", "--leaderboards", "runs/leaderboards"], env=WIDE
    )
    assert "[red]Mine ◇ against erm on fake@natural" in compared.output
    again = call(*words)
    assert "write --replace, or another --name" in str(again.exception)
    assert call(*words, "--replace").exit_code == 0
    gone = call("--data", "fake@natural", "--remove", "[red]Mine")
    assert gone.exit_code == 0, gone.output
    assert "◇" not in page.read_text()


def test_ones_own_board_is_found_where_only_it_has_the_data(board, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(board, "runs/leaderboards")
    path = write(tmp_path / "a.csv", LOGITS)
    told = call(path, "--data", "fake@natural").output
    assert "the board of fake@natural in runs/leaderboards" in told
    assert "of 4 by balanced accuracy" in told
    shutil.copytree(board, "leaderboards")  # the project's comes first, unless one is to be changed
    assert "runs/leaderboards" not in call(path, "--data", "fake@natural").output
    added = call(path, "--data", "fake@natural", "--name", "mine", "--add").output
    assert "mine: beside the rows of runs/leaderboards/fake@natural.md" in added
    assert not Path("leaderboards/outside").exists()


def test_there_must_be_a_board_to_stand_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    medmnist_twin("bloodmnist")(tmp_path / "data")
    ids = submission.truth_of(tmp_path, "bloodmnist@natural").samples.id
    path = write(tmp_path / "a.csv", np.eye(8)[np.zeros(len(ids), int)], [*"i01234567"], ids)
    words = ("--data", "bloodmnist@natural", "--name", "mine", "--add")
    result = call(path, *words, "--leaderboards", tmp_path / "new")
    assert "has a board of bloodmnist@natural to stand on" in str(result.exception)
    assert "%" not in result.stdout  # before anything is computed
    assert not (tmp_path / "new").exists()


def test_out_does_not_go_among_the_boards(board, tmp_path):
    path, out = write(tmp_path / "a.csv", LOGITS), board / "records" / "new.json"
    result = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert "only what medtail ran itself" in str(result.exception)
    assert not out.exists()
