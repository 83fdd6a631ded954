"""The newcomer's ways with data that changes: labels, a moved folder, two files of one name."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from medtail import datamodules
from medtail.benchmark.cli.data_prepare import prepare
from medtail.benchmark.evidence.published import publish
from medtail.benchmark.evidence.record import Content, read_lines
from medtail.benchmark.grid.cell import Terms
from tests import commands
from tests.boards import done
from tests.twins import ham_ids, isic2018_official

SUITE = """
methods: [{methods}]
data: [{{name: image_table@natural, params: {{file: {file}}}}}]
seeds: [0]
image_size: 16
budget: {{epochs: 1, batch_size: 16, optimizer: adamw, lr: 0.003, precision: 32-true}}
"""


def table(folder, classes="ab", name="t.csv"):
    rng = np.random.default_rng(0)
    lines = ["image,label,split"]
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(24):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{n:02d}.png")
        split = ("train", "train", "val", "test")[n // 2 % 4]
        lines.append(f"{n:02d}.png,{classes[n % 2]},{split}")
    (folder / name).write_text("\n".join(lines))


def medtail(folder, *words):
    environment = {**os.environ, "COLUMNS": "300", "MEDTAIL_CACHE": str(folder / "cache")}
    done = commands.run(*words, cwd=folder, env=environment)
    return done.stdout + done.stderr, done.returncode


def bench(folder, methods, file="t.csv", *words):
    (folder / "s.yaml").write_text(SUITE.format(methods=methods, file=file))
    said, code = medtail(folder, "bench", "s.yaml", "--wandb", "disabled", *words)
    assert code == 0, said
    return said


@pytest.mark.slow
def test_changed_labels_run_again_and_never_share_a_table(tmp_path):
    table(tmp_path)
    assert "1 to run" in bench(tmp_path, "erm")
    assert "1 done, 0 to run" in bench(tmp_path, "erm")
    table(tmp_path, "ba")
    said = bench(tmp_path, "focal")
    assert "1 to run" in said
    board = tmp_path / "runs/leaderboards"
    assert "2 tables" in (board / "image_table@natural.md").read_text()
    said, code = medtail(tmp_path, "compare", "focal", "erm", "--leaderboards", str(board))
    assert (code, said.count("\n")) == (2, 1)
    assert "labels, groups or splits differ" in said
    said = bench(tmp_path, "erm, focal")
    assert "1 done, 1 to run" in said
    assert "runs again: erm on image_table@natural, seed 0: labels" in said
    assert "2 tables" not in (board / "image_table@natural.md").read_text()
    assert medtail(tmp_path, "compare", "focal", "erm", "--leaderboards", str(board))[1] == 0


@pytest.mark.slow
def test_a_moved_folder_costs_nothing_and_no_path_is_kept(tmp_path):
    table(tmp_path / "firstplace")
    bench(tmp_path, "erm", "firstplace/t.csv")
    shutil.move(tmp_path / "firstplace", tmp_path / "secondplace")
    assert "1 done, 0 to run" in bench(tmp_path, "erm", "secondplace/t.csv")
    kept = [p for p in (tmp_path / "runs").rglob("*") if p.suffix in (".json", ".jsonl", ".md")]
    assert kept
    assert not [p for p in kept if "firstplace" in p.read_text() or str(tmp_path) in p.read_text()]
    [record] = read_lines(tmp_path / "runs/leaderboards/records/image_table@natural.jsonl")
    assert record.cell.terms.data_params["file"] == "t.csv"


def test_two_files_of_one_name_are_told_apart_or_refused(tmp_path):
    for name in ("one", "two"):
        table(tmp_path / name)
    entries = ", ".join(
        f"{{name: image_table@natural, params: {{file: {name}/t.csv}}}}" for name in ("one", "two")
    )
    (tmp_path / "s.yaml").write_text(f"methods: [erm]\ndata: [{entries}]\n")
    said, code = medtail(tmp_path, "bench", "s.yaml", "--dry-run")
    assert (code, said.count("\n")) == (2, 1)
    assert "two files of one name" in said
    assert "medtail data add" in said


def test_the_small_form_comes_with_its_version(tmp_path, monkeypatch, capsys):
    """From a download to two files, and what the boards stand on."""
    isic2018_official(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    prepare("isic2018", "28", [], tmp_path / "disk")
    said = " ".join(capsys.readouterr().out.split())
    assert f"{len(ham_ids()[0])} images" in said
    assert "official JPEG, 28 x 28 px, Lanczos" in said
    assert (tmp_path / "disk/prepared/isic2018-28x28.npy").exists()
    module = datamodules.build("isic2018@lt10", root=tmp_path / "data", cache=tmp_path / "cache")
    module.prepare()
    assert module.content.pixels in said
    data = "isic2018@lt10"
    terms = Terms(data=data, data_params={}, image_size=(28, 28))
    content = {"data": "d", "method": "m", "shared": "s", "recipe": "of the board"}
    for pixels, told in ((module.content.pixels, "the same pixels"), ("x", "not the pixels of")):
        record, scores = done("erm", terms=terms, content=Content(pixels=pixels, **content))
        publish(tmp_path / "leaderboards", [(record, scores)])
        prepare("isic2018", "28", [], tmp_path / "disk")
        out = " ".join(capsys.readouterr().out.split())
        assert told in out
        assert data in out
        assert ("medtail score" in out) == (pixels == "x")
