"""What a library user has: ``import medtail``, its functions, and the command as a module."""

import doctest
import os
import subprocess
import sys
from importlib.metadata import metadata, version
from pathlib import Path

import lightning as L
import pytest

import medtail
from medtail.benchmark.evidence.shipped import SHIPPED
from tests import ROOT


def python(*words, folder, **environment):
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documented_example_runs():
    failed, attempted = doctest.testmod(medtail)
    assert (failed, attempted > 5) == (0, True)


def test_its_names_are_what_it_says():
    for name in medtail.__all__:
        assert getattr(medtail, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'buld_data'"):
        medtail.buld_data  # noqa: B018


def test_data_and_methods_are_lightnings():
    data = medtail.build_data("phantom@natural", 16, count=400)
    data.prepare()
    assert isinstance(data, L.LightningDataModule)
    assert isinstance(medtail.build_method("erm", data.spec), L.LightningModule)


def test_scores_of_a_file_are_those_of_the_command(tmp_path):
    done = python(str(ROOT / "tools/some_scores.py"), "isic2018@natural", folder=tmp_path)
    (tmp_path / "mine.csv").write_text(done.stdout)
    scored = medtail.score_predictions(tmp_path / "mine.csv", "isic2018@natural")
    record = next(r for r in medtail.read_records("isic2018@natural") if r.status == "ok")
    for name in ("balanced_accuracy", "macro_auc"):
        assert scored.metrics[name] == pytest.approx(record.metrics[name], abs=2e-4), name
    assert scored.rank is not None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: medtail.read_records("isic2018@lt10"), "isic2018@lt100"),
        (lambda: medtail.build_data("isic2108"), "did you mean isic2018"),
        (lambda: medtail.score_predictions("no.csv", "isic2018@natural"), r"no\.csv"),
        (lambda: medtail.score_predictions("a.csv", "isic2018@natural", form="odds"), "logits"),
    ],
)
def test_a_mistake_is_one_line(call, words):
    with pytest.raises(medtail.MedtailError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_importing_it_costs_nothing(tmp_path):
    code = "import sys, medtail; print(sorted(n for n in sys.modules if n.startswith('medtail')))"
    assert python("-c", code, folder=tmp_path).stdout.strip() == "['medtail']"


def test_it_says_one_version_everywhere(tmp_path):
    assert version("medtail") == medtail.__version__
    assert python("-m", "medtail", "--version", folder=tmp_path).stdout == (
        f"medtail {medtail.__version__}\n"
    )


def test_no_requirement_is_one_that_pip_cannot_install():
    plain = [r for r in metadata("medtail").get_all("Requires-Dist") if "extra ==" not in r]
    assert plain
    assert not [r for r in plain if r.startswith(("learn2learn", "submodlib", "gym"))]


def test_the_parent_of_a_checkout_called_medtail_is_no_empty_package(tmp_path):
    (tmp_path / "medtail").symlink_to(ROOT)
    for words in (["-m", "medtail", "--version"], ["-c", "from medtail import build_data"]):
        done = python(*words, folder=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def crowded(tmp_path) -> Path:
    """A working directory with folders that are called like ours."""
    for name in ("methods", "datamodules", "benchmark", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    return tmp_path


def test_folders_of_the_same_name_do_not_disturb_the_command(crowded):
    done = python("-m", "medtail", "list", folder=crowded, PYTHONPATH=str(crowded))
    assert done.returncode == 0, done.stderr
    assert "logit_adjustment" in done.stdout


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["inline", "processes", "ray"])
def test_folders_of_the_same_name_do_not_disturb_workers(crowded, launcher):
    (crowded / "tiny.yaml").write_text(
        "methods: [erm, focal]\nimage_size: 16\nbudget: {epochs: 1}\n"
        "data: [{name: phantom, params: {count: 400}}]\n"
    )
    words = ("bench", "tiny.yaml", "--launcher", launcher, "--workers", "2", "--wandb", "disabled")
    done = python("-m", "medtail", *words, folder=crowded, PYTHONPATH=str(crowded))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((crowded / "runs").rglob("record.json"))) == 2


def test_boards_that_come_along_are_read_where_there_are_none(tmp_path):
    words = ("compare", "proco", "erm", "--data", "isic2018@lt100")
    done = python("-m", "medtail", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "no leaderboards/ here: reading the boards that come with medtail"
    )
    assert (SHIPPED / "records" / "isic2018@lt100.jsonl").is_file()
    (tmp_path / "leaderboards" / "records").mkdir(parents=True)
    done = python("-m", "medtail", *words, folder=tmp_path)
    assert done.returncode == 2, "an empty folder of boards here is not passed over"
