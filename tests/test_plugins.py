"""Methods and datasets of packages outside the project, by entry points of generated packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from medtail import datamodules, methods
from medtail.benchmark.cli.main import app
from medtail.benchmark.execution import overview
from medtail.benchmark.tracks import code
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT, commands

SPEC = DataSpec("fake", ("a", "b"), (90, 9), (16, 16))
METHOD = '''"""Sharpened: cross-entropy on logits times two.

Paper: me, "A paper of mine", 2026.
Equations: 1, L = CE(2 s, y).
Deviations: none.
Status: faithful.
"""

from torch.nn import functional as F

from medtail.methods.core.base import Method


class Sharpened(Method):
    """Cross-entropy on logits times two."""

    paper = "me 2026"

    def loss(self, batch):
        """Mean loss of a training batch."""
        return F.cross_entropy(2 * self(batch.image), batch.target)
'''
DATA = '''"""My lesions."""

from medtail.datamodules.core.base import ImageDataModule


class Mine(ImageDataModule):
    slugs = ("my_lesions", "my_other_lesions")
'''


def install(root: Path, dist: str, entries: str, **modules: str) -> None:
    """Write what `pip install` leaves in a folder of packages."""
    package = root / dist.replace("-", "_")
    package.mkdir(parents=True)
    for name, text in {"__init__": "", **modules}.items():
        (package / f"{name}.py").write_text(text)
    info = root / f"{package.name}-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(entries)


def forget() -> None:
    """Let both registries look again."""
    for known in (methods._outside, methods.describe, datamodules.written):
        known.cache_clear()


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of packages that Python knows; both registries are read anew in and after a test."""
    root = tmp_path / "site"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    known = set(sys.modules)
    forget()
    yield root
    forget()
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or "").is_relative_to(root):
            del sys.modules[name]


def listed() -> str:
    console = Console(width=250, record=True, quiet=False, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    for table in overview.tables():
        console.print(table)
    return console.export_text()


def test_a_method_is_registered_built_and_listed_with_its_package(packages):
    install(
        packages, "far-away", "[medtail.methods]\nsharp = far_away.loss:Sharpened\n", loss=METHOD
    )
    assert methods.get("sharp").__module__ == "far_away.loss"
    assert methods.build("sharp", SPEC).num_features > 0
    assert methods.parameters("sharp").keys() == methods.parameters("erm").keys()
    assert methods.origin("sharp") == "far-away 0.3"
    assert methods.origin("erm") == ""
    lines = [line for line in listed().splitlines() if "far-away" in line]
    assert len(lines) == 1
    assert "Sharpened: cross-entropy on logits times two. (from far-away 0.3)" in lines[0]


def test_a_stage_shared_by_a_methods_package_is_known_by_its_code(packages):
    install(
        packages, "far-away", "[medtail.methods]\nsharp = far_away.loss:Sharpened\n", loss=METHOD
    )
    digest = code.digest_of.__wrapped__
    before = digest(("sharp",))
    assert before != digest(("erm",))
    (packages / "far_away" / "loss.py").write_text(METHOD.replace("2 * self", "3 * self"))
    assert digest(("sharp",)) != before


def test_a_dataset_counts_by_its_slugs_whatever_its_entry_is_called(packages):
    install(packages, "far-data", "[medtail.datasets]\nwhatever = far_data.mine:Mine\n", mine=DATA)
    ours = {n for n, c in datamodules.registry().items() if c.__module__.startswith("medtail.")}
    assert datamodules.registry().keys() - ours == {"my_lesions", "my_other_lesions"}
    assert str(datamodules.build("my_lesions@lt100").name) == "my_lesions@lt100"
    assert "My lesions. (from far-data 0.3)" in listed()


BROKEN = {
    "erm = bad.loss:Sharpened": "'erm' is a name of medtail itself",
    "sharp = bad.nowhere:Sharpened": r"cannot load bad.nowhere:Sharpened \(ModuleNotFoundError: ",
    "sharp = bad.loss:Missing": r"cannot load bad.loss:Missing \(AttributeError: ",
    "sharp = bad.raises:Sharpened": r"\(RuntimeError: no GPU in two lines\)",
    "sharp = bad.leaves:Sharpened": r"\(SystemExit: 3\)",
    "sharp = bad.loss:F": "bad.loss:F is no subclass of medtail.methods.core.base.Method",
    "sharp = bad.mine:Mine": "bad.mine:Mine is no subclass of medtail.methods.core.base.Method",
    "Sharp-er = bad.loss:Sharpened": "'Sharp-er' is no name: write small letters, digits and _",
}
MODULES = {
    "loss": METHOD,
    "mine": DATA,
    "raises": "raise RuntimeError('no GPU\\nin two lines')",
    "leaves": "raise SystemExit(3)",
}


@pytest.mark.parametrize("entry", BROKEN)
def test_a_broken_method_is_one_line_with_package_and_entry_point(packages, entry):
    install(packages, "bad", f"[medtail.methods]\n{entry}\n", **MODULES)
    with pytest.raises(MedtailError, match=BROKEN[entry]) as caught:
        methods.registry()
    text = str(caught.value)
    assert text.startswith(f"package bad, entry point '{entry.split(' ')[0]}' of medtail.methods: ")
    assert text.endswith("fix or uninstall the package")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("slugs", "words"),
    [
        ('("isic2018",)', "'isic2018' is a name of medtail itself"),
        ("()", "bad.mine:Mine names no slugs"),
        ('("My Data",)', "'My Data' is no name"),
    ],
)
def test_a_broken_dataset_is_one_line(packages, slugs, words):
    text = DATA.replace('("my_lesions", "my_other_lesions")', slugs)
    install(packages, "bad", "[medtail.datasets]\nmine = bad.mine:Mine\n", mine=text)
    with pytest.raises(MedtailError, match=words):
        datamodules.registry()


def test_a_dataset_without_slugs_of_its_own_is_refused(packages):
    text = DATA.replace('    slugs = ("my_lesions", "my_other_lesions")', "    pass")
    install(packages, "bad", "[medtail.datasets]\nmine = bad.mine:Mine\n", mine=text)
    with pytest.raises(MedtailError, match="names no slugs"):
        datamodules.registry()


def test_two_packages_cannot_have_one_name(packages):
    entry = "[medtail.methods]\nsharp = {}.loss:Sharpened\n"
    install(packages, "one", entry.format("one"), loss=METHOD)
    install(packages, "two", entry.format("two"), loss=METHOD)
    with pytest.raises(MedtailError, match=r"^package two, .*'sharp' is a name of package one"):
        methods.registry()


def test_what_is_broken_is_loud_at_every_command(packages):
    install(packages, "bad", "[medtail.methods]\nsharp = bad.nowhere:Sharpened\n")
    result = CliRunner().invoke(app, ["status", "quick"])
    assert isinstance(result.exception, MedtailError)
    assert "package bad" in str(result.exception)


@pytest.mark.slow
def test_the_contract_tests_and_the_command_line_of_another_process_see_it(packages):
    install(
        packages, "far-away", "[medtail.methods]\nsharp = far_away.loss:Sharpened\n", loss=METHOD
    )
    environment = {**os.environ, "PYTHONPATH": str(packages)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return commands.run("-m", *words, cwd=ROOT, env=environment)

    tests = ("tests/methods/test_contract.py", "tests/methods/test_registry.py")
    passed = run("pytest", "-vv", "-k", "sharp", *tests)
    assert passed.returncode == 0, passed.stdout
    for test in ("test_own_stages_learn", "test_the_seed_decides", "test_pickles", "test_card"):
        assert test in passed.stdout
    (packages / "far_away" / "loss.py").write_text("1 / 0")
    told = run("medtail", "list")
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "medtail: package far-away, entry point 'sharp'" in told.stderr
