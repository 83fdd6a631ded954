"""The house keeps its order: imports go one way, nothing names a paper where it should not."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

import medtail
from medtail import datamodules, methods
from tests import ROOT

TOPS = ("medtail", "benchmark", "methods", "datamodules")
FILES = [path for top in TOPS for path in sorted((ROOT / top).rglob("*.py"))]
ALL = [path for top in (*TOPS, "tests", "tools") for path in sorted((ROOT / top).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EVIDENCE = tomllib.loads((ROOT / "leaderboards/pyproject.toml").read_text())

# The rooms of a folder from top to bottom. A room may import those below it, never one beside it.
FLOORS = {
    "benchmark": (
        ("cli",),
        ("report", "recommendation", "sources"),
        ("cards", "comparison", "decisions", "execution", "regression", "scoring", "tuning"),
        ("networks",),
        ("boards", "tracks", "features"),
        ("metrics", "statistics"),
        ("evidence",),
        ("grid",),
    ),
    "methods/core": (
        ("active", "few_shot", "middle_classes", "one_class", "parts", "submodular"),
        ("contrast",),
        ("",),  # the files of the folder itself
        ("pretrained",),
    ),
    "datamodules/core": (("own",), ("",), ("loading",), ("splitting",), ("pixels",)),
}
# Facts, names and errors that the rooms of datamodules/core share with the files that use them.
SHARED = (
    "arguments",
    "content",
    "contract",
    "derived",
    "disk",
    "errors",
    "labels",
    "names",
    "process",
    "table",
    "writing",
)


def module_of(path: Path) -> str:
    """The dotted name under which a file is imported."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] in TOPS[1:]:
        parts.insert(0, "medtail")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> frozenset[str]:
    """Absolute names of the modules that a file imports, those within functions, too."""
    inside = module_of(path).split(".")
    package = inside if path.name == "__init__.py" else inside[:-1]
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            each = {f"{base}.{alias.name}" for alias in node.names}
            found |= each & MODULES.keys() or {base}
    return frozenset(found)


def room_of(folder: str, module: str) -> str | None:
    """The room of ``folder`` that a module lies in; empty for the folder's own files."""
    path = MODULES.get(module)
    if path is None or not path.is_relative_to(ROOT / folder):
        return None
    inside = path.relative_to(ROOT / folder).parts
    return inside[0] if len(inside) > 1 else ""


def arrows(folder: str) -> set[tuple[str, str]]:
    """Which room of a folder imports which other."""
    found = set()
    for path in sorted((ROOT / folder).rglob("*.py")):
        here = room_of(folder, module_of(path))
        for name in imported(path):
            there = room_of(folder, name)
            shared = folder == "datamodules/core" and name.rpartition(".")[2] in SHARED
            if there is not None and here is not None and there != here and not shared:
                found.add((here, there))
    return found


@pytest.mark.parametrize("folder", FLOORS)
def test_rooms_import_downwards_only(folder):
    floor = {room: level for level, rooms in enumerate(FLOORS[folder]) for room in rooms}
    wrong = {(a, b) for a, b in arrows(folder) if a in floor and floor[b] <= floor[a]}
    assert not wrong


@pytest.mark.parametrize("folder", FLOORS)
def test_every_room_has_its_floor_and_says_what_it_is_for(folder):
    rooms = {p.parent.name for p in (ROOT / folder).glob("*/__init__.py")}
    assert rooms == {room for floor in FLOORS[folder] for room in floor} - {""}
    for room in rooms:
        assert ast.get_docstring(ast.parse((ROOT / folder / room / "__init__.py").read_text()))


def test_the_rooms_of_the_runner_are_few_arrows_apart():
    assert len(arrows("benchmark")) <= 77  # 226 between its files before there were rooms


def test_imports_go_one_way():
    shared = r"contract|errors|plugins"
    patterns = {
        "medtail": r"medtail",
        "benchmark": r"medtail(\.(benchmark|methods|datamodules)(\.|$)|$)",
        "methods": rf"medtail\.(methods(\.|$)|datamodules\.core\.({shared})$)",
        "datamodules": r"medtail\.datamodules(\.|$)",
    }
    for path in FILES:
        allowed = patterns[path.relative_to(ROOT).parts[0]]
        for name in imported(path):
            if name.split(".")[0] in (*TOPS, "tests", "tools"):
                assert re.match(allowed, name), f"{path} imports {name}"


def test_nothing_is_imported_without_its_prefix():
    """In the checkout ``import benchmark`` works, and makes a second copy of every module."""
    for path in ALL:
        nodes = list(ast.walk(tree_of(path)))
        names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom) if not n.level}
        assert not {name for name in names if name.split(".")[0] in TOPS[1:]}, path


def test_the_list_of_packages_is_what_the_folders_hold():
    listed = PROJECT["tool"]["setuptools"]["packages"] + EVIDENCE["tool"]["setuptools"]["packages"]
    code = {module_of(path) for path in FILES if path.name == "__init__.py"}
    kinds = {".parquet", ".jsonl", ".json", ".yaml", ".csv"}
    data = set()
    for top in ("leaderboards", *TOPS[1:]):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in kinds and not (path.parent / "__init__.py").exists():
                data.add(".".join(["medtail", *path.parent.relative_to(ROOT).parts]))
    assert sorted(listed) == sorted(code | data)
    assert len(listed) == len(set(listed))


def test_the_two_wheels_are_of_one_version():
    assert EVIDENCE["project"]["version"] == medtail.__version__


def test_every_file_that_is_no_code_is_package_data():
    globs = PROJECT["tool"]["setuptools"]["package-data"]
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*")):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                package = module_of(path.parent / "__init__.py")
                assert any(path.match(glob) for glob in globs.get(package, ())), path


@pytest.mark.parametrize(("paths", "lines"), [(FILES, 250), (TESTS, 300)], ids=["house", "tests"])
def test_files_are_short(paths, lines):
    assert not [path for path in paths if len(path.read_text().splitlines()) > lines]


def test_tests_mirror_the_house():
    """A folder of tests has the name of a folder that it tests."""
    for path in (ROOT / "tests").rglob("*/__init__.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        assert folder.parts[0] in ("gpu", "faults") or (ROOT / folder).is_dir(), folder
    for folder in {path.parent for path in (ROOT / "tests").rglob("test_*.py")}:
        assert (folder / "__init__.py").exists(), f"{folder}: equal names elsewhere would collide"


def test_the_runner_names_no_paper_and_no_dataset():
    names = set(methods.names()) | set(datamodules.registry())
    for path in (ROOT / "benchmark").rglob("*.py"):
        words = {
            node.value
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not words & names, path


def test_albumentations_is_imported_in_one_module():
    users = [p for p in FILES if any(n.split(".")[0] == "albumentations" for n in imported(p))]
    assert [p.name for p in users] == ["transforms.py"]


def test_reference_engines_are_imported_in_one_module_and_where_they_are_used():
    for path in FILES:
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & {"learn2learn", "submodlib"}, path


def test_only_one_module_makes_a_trainer():
    users = [
        path.name
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Trainer"
    ]
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
        assert "#" in line, line


def test_torch_and_torchvision_are_pinned_as_a_pair():
    lock = (ROOT / "requirements.lock").read_text()
    for name in ("torch", "torchvision"):
        assert re.search(rf"^{name}==[\d.]+$", lock, re.M)


def test_functions_are_short():
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                # A signature may list many.
                assert node.end_lineno - node.body[0].lineno < 60, f"{path}: {node.name}"
