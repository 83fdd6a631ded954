"""``medtail publish``: how many cells of a suite stand on the boards, and what the rest is."""

from typer.testing import CliRunner

from medtail.benchmark.cli.main import app

SUITE = """
methods: [erm, focal, deep_svdd]
data: [{name: phantom@natural, params: {count: 300}}]
seeds: [0]
image_size: 16
budget: {epochs: 1, batch_size: 64, lr: 0.003}
"""


def test_rows_that_make_no_sense_are_not_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SUITE)
    run = ["bench", "mine.yaml", "--launcher", "inline", "--wandb", "disabled", "--method", "erm"]
    assert CliRunner().invoke(app, run).exit_code == 0
    found = CliRunner().invoke(app, ["publish", "mine.yaml", "--to", "boards"])
    assert found.exit_code == 0, found.output
    said = " ".join(found.output.split())
    assert "1 cells added, 0 replaced, 0 there already" in said
    assert "1 of the suite's 3 are not done in runs, 1 are n/a" in said
    found = CliRunner().invoke(app, ["publish", "mine.yaml", "--to", "boards", "--seed", "0"])
    assert "0 cells added, 0 replaced, 1 there already" in " ".join(found.output.split())
