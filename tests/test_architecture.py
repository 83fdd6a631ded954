"""The house keeps its order: imports go one way, nothing names a paper where it should not."""

import ast
import re
from pathlib import Path

import pytest

from medtail import datamodules, methods
from tests import ROOT

PACKAGES = ("benchmark", "methods", "datamodules")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Absolute names of the modules that a file imports."""
    inside = [*path.relative_to(ROOT).parent.parts]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            names.add(".".join([*base, *([node.module] if node.module else [])]))
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    allowed = {
        "benchmark": r"benchmark|methods|datamodules",
        "methods": r"methods|datamodules\.core\.(contract|errors|plugins)$",
        "datamodules": r"datamodules",
    }[package]
    for name in imported(path):
        if name.split(".")[0] in (*PACKAGES, "tests"):
            assert re.match(allowed, name), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 250


def test_the_runner_names_no_paper_and_no_dataset():
    names = set(methods.registry()) | set(datamodules.registry())
    for path in (ROOT / "benchmark").rglob("*.py"):
        tree = ast.parse(path.read_text())
        words = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not words & names, path


def test_albumentations_is_imported_in_one_module():
    users = [p for p in FILES if any(n.split(".")[0] == "albumentations" for n in imported(p))]
    assert [p.name for p in users] == ["transforms.py"]


def test_only_one_module_makes_a_trainer():
    users = [p.name for p in FILES if re.search(r"\bTrainer\(", p.read_text())]
    assert users == ["stages.py"]


def test_no_registry_host_or_machine_path_is_kept():
    pattern = re.compile(r"pythonhoste[d]|pypi\.or[g]|npmj[s]|debian\.or[g]")
    for path in [ROOT / "requirements.lock", ROOT / "pyproject.toml", *FILES]:
        assert not pattern.search(path.read_text()), path


def test_every_dependency_stands_with_its_reason():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    stated = [line for line in lines if re.match(r'\s+"[a-zA-Z0-9._-]+[=<>]', line)]
    assert len(stated) > 20
    for line in stated:
        assert "#" in line or "gym" in line, line


def test_torch_and_torchvision_are_pinned_as_a_pair():
    lock = (ROOT / "requirements.lock").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    for name in ("torch", "torchvision"):
        pinned = re.search(rf"^{name}==([\d.]+)$", lock, re.M)
        assert pinned
        assert f'"{name}=={pinned[1]}"' in project


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.body[0].lineno < 60, (
                node.name
            )  # a signature may list many
