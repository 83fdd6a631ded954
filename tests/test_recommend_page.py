"""docs/recommend.md: its commands are run in order, on made-up images and with small terms."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medtail.benchmark.grid.files import load
from tests import ROOT
from tests.commands import programs_in

PAGE = (ROOT / "docs/recommend.md").read_text()
QUICKLY = "--folds 3 --seeds 1 --backbone test_resnet --weights none --image-size 16"
# What is put behind a command, the first that fits; None: what it takes is not here (weights and
# data of others), and tests of the command bring features.
RULES = (
    (r"export .*|medtail data add .*|medtail predict .*", ""),
    (r"medtail recommend skin", QUICKLY),
    (r"medtail recommend skin --(dry-run|folds \d --seeds \d)", f"{QUICKLY} --dry-run"),
    (r"medtail recommend (skin --backbone resnet18|skin --features|breastmnist) .*", None),
)


def commands():
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    lines = [re.sub(r"\s+#.*", "", line).strip() for line in "".join(blocks).splitlines()]
    return [line for line in lines if line]


def rule_of(command):
    found = [add for pattern, add in RULES if re.fullmatch(pattern, command)]
    assert len(found) == 1, command
    return found[0]


def test_every_command_has_one_rule_and_every_option_is_one():
    from medtail.benchmark.cli import recommend

    assert sum(rule_of(command) is not None for command in commands()) == 6
    text = Path(recommend.__file__).read_text()
    mine = " ".join(c for c in commands() if c.startswith("medtail recommend"))
    for option in re.findall(r"--([a-z-]+)", mine):
        assert f"    {option.replace('-', '_')}: Annotated" in text, option


def test_the_page_names_what_the_template_has():
    suite = load("recommend")
    assert len(suite.methods) == 6
    assert (suite.folds, suite.seeds) == (5, (0, 1, 2))
    assert "Each training is done three times" in PAGE


@pytest.fixture
def place(tmp_path):
    """A clinic of three classes of six patients, and new images."""
    rng, rows = np.random.default_rng(0), ["file;Patient ID;diagnosis"]
    (tmp_path / "clinic/new").mkdir(parents=True)
    for n in range(40):
        name = f"{n}.png" if n < 36 else f"new/{n}.png"
        picture = Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8))
        picture.save(tmp_path / "clinic" / name)
        rows += [f"{name};P{n // 2};{'abc'[n // 2 % 3]}"] * (n < 36)
    (tmp_path / "clinic/cases.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_run(place):
    programs = f"{programs_in(place / '.venv/bin')}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    environment["MEDTAIL_CACHE"] = str(place / "cache")
    script = "\n".join(f"{c} {rule_of(c)}" for c in commands() if rule_of(c) is not None)
    done = subprocess.run(
        ["bash", "-euc", script], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    for told in ("cells to run: about", "the nested estimate", "networks: 4 images -> new.csv"):
        assert told in done.stdout, told + done.stdout[-6000:]
    kept = b"".join(p.read_bytes() for p in (place / "runs").rglob("*.*") if p.is_file())
    assert str(place).encode() not in kept
