"""Commands that only show something start at once: they load neither torch nor Lightning."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

# What takes a second or more to import, and what only some commands need.
HEAVY = ("torch", "lightning", "timm", "torchmetrics", "albumentations", "sklearn", "ray", "wandb")
LIGHT = (
    ["--help"],
    ["--version"],
    ["bench", "--help"],
    ["list"],
    ["status", "quick"],
    ["status", "papers-smoke"],
    ["data", "status"],
    ["data", "--help"],
    ["new", "method", "--help"],
)
PROBE = """\
import json, sys
from medtail.benchmark.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code
print("PROBE" + json.dumps([code or 0, [name for name in {heavy!r} if name in sys.modules]]))
"""


def probed(words, folder, **environment):
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=HEAVY), *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PROBE" in done.stdout, done.stderr
    said, _, probe = done.stdout.rpartition("PROBE")
    return said, *json.loads(probe)


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_no_torch(words, tmp_path):
    said, code, loaded = probed(words, tmp_path)
    assert (code, loaded) == (0, [])
    assert said.strip()


def test_data_status_reads_real_tables_without_torch(tmp_path, real_data):
    said, code, loaded = probed(["data", "status"], tmp_path, MEDTAIL_DATA=str(real_data.resolve()))
    assert (code, loaded) == (0, [])
    assert "10015" in said  # HAM10000


def test_status_of_finished_cells_needs_no_torch(tmp_path):
    from medtail import datamodules
    from medtail.benchmark.execution import contents
    from medtail.benchmark.execution.job import Outcome
    from medtail.benchmark.execution.store import Store
    from medtail.benchmark.grid.files import load
    from tests.boards import done

    cell = next(load("quick").cells())
    data = datamodules.build(cell.terms.data, cell.terms.image_size, **cell.terms.arguments)
    data.prepare()
    record, scores = done("erm")
    content = contents.of(cell, data.content)
    record = record.model_copy(update={"cell": cell, "cell_id": cell.id, "content": content})
    Store(tmp_path / "runs").write(Outcome(record, scores))
    said, code, loaded = probed(["status", "quick", "--cells"], tmp_path, COLUMNS="200")
    assert (code, loaded) == (0, [])
    assert sum("│ done " in line and cell.row in line for line in said.splitlines()) == 1


def test_a_mistake_is_told_without_torch(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "medtail", "status", "quikc"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "medtail: unknown suite 'quikc': did you mean quick? (medtail list shows all)\n"
    )


def test_no_package_imports_what_its_users_may_not_need(tmp_path):
    packages = [
        ".".join(["medtail", *path.parent.relative_to(ROOT).parts])
        for top in ("benchmark", "methods", "datamodules")
        for path in sorted((ROOT / top).rglob("__init__.py"))
    ]
    code = f"import sys, {', '.join(packages)}; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("medtail ", {"bench", "list", "status", "data"}),
        ("medtail bench qu", {"quick"}),
        ("medtail data ", {"card", "get", "status"}),
    ],
)
def test_the_shell_completes(words, expected, tmp_path):
    done = subprocess.run(
        [Path(sys.executable).with_name("medtail")],
        cwd=tmp_path,
        env={**os.environ, "_MEDTAIL_COMPLETE": "complete_bash"}
        | {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert expected <= set(done.stdout.split()), done.stderr


def test_a_notebooks_own_backend_does_not_matter(tmp_path):
    """Jupyter hands it on to commands, whose environment need not have it."""
    backend = "module://matplotlib_inline.backend_inline"
    said, code, _ = probed(["data", "card", "phantom"], tmp_path, MPLBACKEND=backend)
    assert code == 0
    assert "phantom" in said
