"""``medtail publish``: how many cells of a suite stand on the boards, and what the rest is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.files import load

SUITE = """
methods: [erm, focal, deep_svdd]
data: [{name: phantom@natural, params: {count: 300}}]
seeds: [0]
image_size: 16
budget: {epochs: 1, batch_size: 64, lr: 0.003}
"""


def run(*words):
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def test_cells_are_added_there_already_not_done_or_make_no_sense(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SUITE)
    bench = ("bench", "mine.yaml", "--launcher", "inline", "--wandb", "disabled")
    publish = ("publish", "mine.yaml", "--to", "boards")
    run(*bench, "--method", "erm")
    said = run(*publish)
    assert "1 cells added, 0 replaced, 0 there already" in said
    assert "1 of the suite's 3 are not done in runs, 1 are n/a" in said
    assert "0 cells added, 0 replaced, 1 there already" in run(*publish)
    run(*bench, "--method", "focal", "--out", "other")
    said = run(*publish, "--out", "other")
    assert "1 cells added, 0 replaced, 1 there already" in said
    assert "0 of the suite's 3 are not done in other, 1 are n/a" in said


@pytest.mark.parametrize("command", ["publish", "tune"])
def test_a_damaged_result_stops_it_with_the_way_out(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SUITE.replace("lr: 0.003", "lr: 0.003, tune: frozen"))
    first, *_ = load("mine.yaml", ()).cells()
    folder = Store(Path("deep/er")).folder(first)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{")
    found = CliRunner().invoke(app, [command, "mine.yaml", "--method", "erm", "--out", "deep/er"])
    assert str(found.exception).startswith(f"{folder / 'record.json'}: no valid record")
    assert "'medtail clean --damaged --yes --out deep/er' sets" in str(found.exception)
    assert not Path("boards").exists()
