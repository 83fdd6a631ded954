"""`medtail new method`: the file works at once, and nothing is overwritten."""

import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from medtail import methods
from medtail.benchmark.cli.main import app
from medtail.benchmark.cli.new import LONGEST, render
from medtail.benchmark.grid.files import load
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method
from tests import ROOT, commands
from tests.checkout import copied


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of what is needed of the checkout, as the working directory."""
    (tmp_path / "copy").mkdir()
    parts = ("medtail", "benchmark", "methods", "datamodules", "tests")
    environment = copied(tmp_path / "copy", parts)
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setattr(methods, "__file__", str(tmp_path / "copy/methods/__init__.py"))
    return tmp_path / "copy"


def new(name: str):
    return CliRunner().invoke(app, ["new", "method", name], env={"COLUMNS": "300"})


def run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("-m", *words, cwd=checkout)


@pytest.mark.slow
def test_the_file_passes_the_contract_tests_at_once(checkout):
    assert new("my_own").exit_code == 0
    tests = ("tests/methods/test_contract.py", "tests/methods/test_registry.py")
    passed = run(checkout, "pytest", "-vv", "-k", "my_own", *tests)
    assert passed.returncode == 0, passed.stdout
    for test in ("test_own_stages_learn", "test_the_seed_decides", "test_pickles", "test_card"):
        assert test in passed.stdout


@pytest.mark.parametrize(
    "name", ["a", "f", "batch", "method", "tensor", "sharp_loss", "lt_100", "x" * LONGEST]
)
def test_the_file_passes_ruff(checkout, name):
    path = checkout / "methods" / f"{name}.py"
    path.write_text(render(name))
    for words in (("check",), ("format", "--check")):
        told = run(checkout, "ruff", *words, str(path))
        assert told.returncode == 0, told.stdout
    module = f"medtail.methods.{name}"
    places: dict[str, object] = {"__name__": module, "__package__": "medtail.methods"}
    exec(compile(path.read_text(), path, "exec"), places)
    families = [v for v in places.values() if getattr(v, "__module__", "") == module]
    assert sum(isinstance(v, type) and issubclass(v, Method) for v in families) == 1


def test_it_says_what_to_do_next(checkout):
    result = new("my_own")
    assert result.exit_code == 0
    lines = [line.strip() for line in result.output.splitlines()]
    assert "EDIT" in lines[0]
    assert (checkout / "methods" / "my_own.py").read_text().count("EDIT") == 2
    bench = next(line for line in lines if line.startswith("medtail bench"))
    assignment = bench.partition(" --set ")[2].strip("'")
    assert yaml.safe_load(assignment.partition("=")[2])[1] == "my_own"
    suite = load(bench.split()[2], (assignment.replace("my_own", "ldam"),))
    page = next(line for line in lines if line.startswith("cat "))
    assert Path(page).stem in {entry.name for entry in suite.data}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("erm", "there is a method 'erm' already"),
        ("core", "there is a method 'core' already"),
        ("My-Method", "'My-Method' cannot be the name"),
        ("2nd", "cannot be the name"),
        ("class", "cannot be the name"),
        ("_hidden", "cannot be the name"),
        ("a__b", "cannot be the name"),
        ("../evil", "cannot be the name"),
        ("x" * (LONGEST + 1), "cannot be the name"),
    ],
)
def test_a_name_that_cannot_be_is_one_clear_line(checkout, name, words):
    before = sorted(checkout.rglob("*.py"))
    result = new(name)
    assert isinstance(result.exception, MedtailError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
    assert sorted(checkout.rglob("*.py")) == before


def test_a_file_is_never_overwritten(checkout):
    path = checkout / "methods" / "my_own.py"
    path.write_text("# mine")
    assert "exists already" in str(new("my_own").exception)
    assert path.read_text() == "# mine"


def test_only_the_checkout_that_runs_gets_a_file(checkout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = new("my_own")
    assert f"cd {checkout}" in str(result.exception)
    monkeypatch.chdir(ROOT)  # another checkout than the one whose methods are imported
    assert f"cd {checkout}" in str(new("my_own").exception)
    monkeypatch.setattr(methods, "__file__", str(tmp_path / "site-packages/methods/__init__.py"))
    assert "entry point" in str(new("my_own").exception)
    assert not (ROOT / "methods" / "my_own.py").exists()
