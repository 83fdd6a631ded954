"""The command line in a process of its own, from a suite to a leaderboard; its mistakes."""

import json
from pathlib import Path

import pytest

from medtail.benchmark.boards import leaderboard
from tests import commands


def medtail(*words, folder: Path):
    done = commands.run(*words, cwd=folder)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_command_line_from_bench_to_leaderboard(tmp_path):
    suite = tmp_path / "mine.yaml"
    suite.write_text(
        "title: mine\nmethods: [erm, ncm]\nseeds: [0]\nimage_size: 16\n"
        "data: [{name: phantom@natural, params: {count: 400}}]\nbudget: {epochs: 1, lr: 0.01}\n"
    )
    code, out, err = medtail("bench", str(suite), "--dry-run", folder=tmp_path)
    assert code == 0, err
    assert "2 to run" in out
    assert not (tmp_path / "runs").exists()
    code, out, err = medtail("bench", str(suite), "--launcher", "inline", folder=tmp_path)
    assert code == 0, out + err
    assert (tmp_path / "runs/leaderboards" / "phantom@natural.md").exists()
    assert (tmp_path / "runs/leaderboards" / "README.md").exists()
    code, out, err = medtail("bench", str(suite), folder=tmp_path)
    assert code == 0
    assert "2 done, 0 to run" in out
    code, out, err = medtail("status", str(suite), "--cells", folder=tmp_path)
    assert code == 0, err
    assert out.count("balanced accuracy") == 2  # of each cell
    lines = (tmp_path / "runs/leaderboards/records/phantom@natural.jsonl").read_text().splitlines()
    assert {json.loads(line)["cell"]["method"] for line in lines} == {"erm", "ncm"}
    assert leaderboard.render(tmp_path / "runs/leaderboards")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bench", "quik"], "unknown suite 'quik': did you mean quick?"),
        (["bench", "quick", "--method", "nothing"], "--method nothing: nothing of this suite"),
        (["bench", "quick", "--set", "budget.epochs=many"], "budget.epochs"),
        (["bench", "quick", "--launcher", "cloud"], "--launcher cloud"),
        (["data", "card", "isic2018@lt100"], "isic2018: files not found"),
        (["data", "card", "phantom@tl100"], "unknown regime 'tl100'"),
        (["data", "card", "phantom", "--size", "big"], "--size big"),
    ],
)
def test_command_line_mistakes_are_one_line(tmp_path, words, message):
    code, out, err = medtail(*words, folder=tmp_path)
    assert code == 2, out + err
    assert message in err
    assert len(err.strip().splitlines()) == 1
