"""Every command of the pages that people copy from is run here, in a copy of the checkout.

A page's commands run in order, as a reader would run them. Each is matched by exactly one rule; one
that no rule matches fails, so that a new command needs a decision.
"""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests import ROOT, few
from tests.boards import few_rows
from tests.checkout import copied
from tests.commands import programs_in

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/add-a-method.md",
    "docs/networks.md",
    "docs/report.md",
    "docs/score.md",
    "docs/decisions.md",
)
INLINE = "--launcher inline --wandb disabled"
FEW = "data=[{name: phantom@lt100, params: {count: 700}}]"
SMALL = f" --set budget.epochs=1 --set '{FEW}' {INLINE}"
TWO = f"medtail bench two.yaml {INLINE}"


@dataclass(frozen=True)
class Rule:
    """What is done with the commands that match a pattern, whole.

    Attributes:
        pattern: of the command, without its comment.
        add: what is put behind it, so that it is small or stays inside the copy.
        ci: it is not run here, but in .ci/run.
        why_not: it is run nowhere, and why.
        before: makes what it needs, in the copy.
        told: what its output must say.
    """

    pattern: str
    add: str = ""
    ci: bool = False
    why_not: str = ""
    before: Callable[[Path], None] = lambda folder: None
    told: str = ""


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def block(page: str, language: str, number: int = 0) -> str:
    """A fenced block of a page: the first one of its language, or a later one."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.M | re.S)[number]


def edit_the_method(folder: Path) -> None:
    """Steps 2 and 3 of docs/add-a-method.md: the loss, the short reference, the test file."""
    path, page = folder / "methods/half_prior.py", "docs/add-a-method.md"
    text = path.read_text()
    body = re.search(r"^    return F\.cross_entropy\(.*\)$", text, re.M)
    assert body
    text = text.replace(body[0], block(page, "python").rstrip())
    path.write_text(re.sub(r'paper = ".*"', 'paper = "me 2026"', text))
    (folder / "tests/methods/test_half_prior.py").write_text(block(page, "python", 1))


def make_the_package(folder: Path) -> None:
    """Step 7 of docs/add-a-method.md; the file it moves is still there."""
    package = folder / "medtail-half-prior"
    package.mkdir()
    (package / "pyproject.toml").write_text(block("docs/add-a-method.md", "toml"))
    text = (folder / "methods/half_prior.py").read_text()
    theirs = text.replace("from .core.base import", "from medtail.methods.core.base import")
    assert theirs != text
    (package / "half_prior.py").write_text(theirs)


def make_predictions(folder: Path) -> None:
    """mine.csv, and three seeds: what cells of committed boards predicted, as outsiders' files."""
    for board, names in (("natural", ["mine"]), ("lt100", ["seed0", "seed1", "seed2"])):
        table = pq.read_table(ROOT / f"leaderboards/predictions/isic2018@{board}.parquet")
        lines = (ROOT / f"leaderboards/records/isic2018@{board}.jsonl").read_text().splitlines()
        cells = [r["cell_id"] for r in map(json.loads, lines) if r["cell"]["terms"]["draws"] == 1]
        for name, cell in zip(names, cells, strict=False):
            with (folder / f"{name}.csv").open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["image", *(f"p{k}" for k in range(7))])
                mine = table.filter(pc.equal(table["cell_id"], cell)).to_pylist()
                rows.writerows([row["id"], *row["logits"]] for row in mine)


def make_boards_of_runs(folder: Path) -> None:
    """runs/leaderboards with a board of phantom: what is held against regressions."""
    for part in ("records", "predictions"):
        place = folder / "runs/leaderboards" / part
        place.mkdir(parents=True)
        for path in (ROOT / "tests/golden" / part).glob("phantom@lt100.*"):
            shutil.copy(path, place)


def make_images(folder: Path) -> None:
    """What docs/networks.md applies networks to, and a suite with a few-shot row."""
    rng = np.random.default_rng(0)
    for name in ("images/1.png", "images/2.png", "labelled/df/1.png", "labelled/vasc/2.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / name)
    (folder / "list.csv").write_text("path\nimages/2.png\n")
    (folder / "two.yaml").write_text(
        "data: [{name: phantom@lt100, methods: [ldam]}, {name: phantom@shot1, methods: [protonet]}]"
        "\ntest_episodes: 5\nbudget: {epochs: 1}\n"
    )


RULES = (
    Rule(r"make [a-z]+", ci=True),
    Rule(r"export MEDTAIL_DATA=/path/to/data", why_not="it stands for a folder of the reader"),
    Rule(r"pip install dist/medtail(_evidence)?-\*\.whl", why_not="make wheel tries it"),
    Rule(r"source \.venv/bin/activate"),
    Rule(r"(\.venv/bin/)?medtail data status", told="isic2018"),
    # Real images are not there: the terms are read, and what would be trained is told.
    Rule(r"(\.venv/bin/)?medtail data card isic2018@\w+", add=" || test $? = 2", told="not found"),
    Rule(
        r"(\.venv/bin/)?medtail data export isic2018@\w+ --out isic2018_lt100\.csv",
        add=" || test $? = 2",
        told="not found",
    ),
    Rule(r"(\.venv/bin/)?medtail bench isic2018[\w-]*( --(?!dry)\S+ \S+)*", add=" --dry-run"),
    Rule(r"medtail bench isic2018 --dry-run", told="cells to run"),
    Rule(r"medtail bench quick --set 'methods=\[[\w,]+\]' --dry-run", told="cells to run"),
    Rule(r"medtail bench quick --set 'methods=\[[\w,]+\]'", add=SMALL, told="4 to run"),
    Rule(
        r"medtail bench quick --keep best",
        add=f" --dry-run && {TWO}",
        before=make_images,
        told="protonet",
    ),
    Rule(r"medtail bench quick --keep (all|none)", add=" --dry-run"),
    Rule(r'medtail predict "protonet on phantom@shot1" .*', told="2 images -> rare.csv"),
    Rule(r'medtail predict "ldam on .*', told=" images -> "),
    Rule(r'medtail export "ldam on .*', told="what is in it: ldam."),
    Rule(r"medtail clean", told="remove"),
    Rule(r"medtail clean --(networks --keep none|stages) --yes", told="records and predictions"),
    Rule(r"medtail status isic2018"),
    Rule(r"medtail list"),
    Rule(r"medtail compare proco erm balanced_softmax --suite isic2018 --png proco\.png"),
    Rule(r"medtail compare half_prior erm --leaderboards runs/leaderboards", told="half_prior"),
    Rule(r"medtail report isic2018@lt100", told="report/isic2018@lt100/report.tex"),
    Rule(r"medtail report isic2018-few-shot --out paper/few-shot", told="paper/few-shot/tables.md"),
    Rule(
        r"medtail report phantom@lt100 --leaderboards runs/leaderboards",
        before=make_boards_of_runs,
        told="report/phantom@lt100/methods.md",
    ),
    Rule(r"cd report/isic2018@lt100 && pdflatex .*", why_not="tests of the command compile it"),
    Rule(r"medtail score mine\.csv --data isic2018@natural", before=make_predictions, told="95 %"),
    Rule(
        r"medtail data export phantom@lt100 --out split\.csv",
        add=f" && python -c {shlex.quote(block('docs/score.md', 'python') + 'assert len(test)')}",
        told="groups known",
    ),
    Rule(
        r"medtail score seed0\.csv seed1\.csv seed2\.csv --data isic2018@lt100 --against erm,proco",
        before=make_predictions,
        told="3 trainings",
    ),
    Rule(
        r"medtail score seed0\.csv .* --name MyNet --url \S+ --add",
        told="MyNet: beside the rows of runs/leaderboards/isic2018@lt100.md",
    ),
    Rule(
        r"medtail compare MyNet erm --data isic2018@lt100 --leaderboards runs/leaderboards",
        told="MyNet ◇ against erm on isic2018@lt100",
    ),
    Rule(r"medtail score --remove MyNet --data isic2018@lt100", told="MyNet: removed from"),
    Rule(r"medtail decisions isic2018@natural --method \S+", told="isic2018@natural.md: written"),
    Rule(
        r"medtail decisions isic2018@natural --costs costs\.csv --out runs/decisions",
        before=lambda at: (at / "costs.csv").write_text(block("docs/decisions.md", "text")),
        told="Expected cost",
    ),
    Rule(
        r"medtail regress leaderboards other/leaderboards",
        before=lambda at: shutil.copytree(at / "leaderboards", at / "other/leaderboards"),
    ),
    Rule(r"medtail new method \w+", told="edit what is marked EDIT"),
    Rule(r"python -m pytest tests/methods/test_contract\.py -k my_idea", told="passed"),
    Rule(
        r"python -m pytest tests/methods/test_registry\.py \S+ -k half_prior",
        before=edit_the_method,
        add=" && python -m pytest tests/methods/test_half_prior.py",
        told="3 passed",
    ),
    Rule(r"cat runs/leaderboards/phantom@lt100\.md", told="half_prior"),
    Rule(r"rm methods/half_prior\.py", before=make_the_package),
    Rule(
        r"pip install \./medtail-half-prior",
        add=" -q --no-deps --no-index --no-build-isolation --target .site && medtail list",
        told="medtail-half-prior 0.1.0",
    ),
)


def commands(page: str) -> list[str]:
    """The lines of a page's fenced sh blocks, without comments; no line is continued."""
    blocks = re.findall(r"^```(?:sh|bash|shell|console)\n(.*?)^```$", text_of(page), re.M | re.S)
    lines = [re.sub(r"\s+#.*", "", line).strip() for one in blocks for line in one.splitlines()]
    assert not any(line.endswith("\\") for line in lines)
    return [line for line in lines if line]


def rule_of(command: str) -> Rule:
    found = [rule for rule in RULES if re.fullmatch(rule.pattern, command)]
    assert len(found) == 1, f"{command!r} is matched by {len(found)} rules"
    return found[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_one_rule(page):
    for command in commands(page):
        rule = rule_of(command)
        if rule.ci:
            target = command.split()[1]
            assert re.search(rf"^{target}:.*##", text_of("Makefile"), re.M), command
            run = rf"^make .*\b{target}\b"
            assert target == "bench" or re.search(run, text_of(".ci/run"), re.M), command


def test_every_rule_has_its_command():
    known = [command for page in PAGES for command in commands(page)]
    for rule in RULES:
        assert any(re.fullmatch(rule.pattern, command) for command in known), rule.pattern


@pytest.fixture
def folder(tmp_path):
    """A copy of the checkout, and the environment in which it is medtail."""
    environment = copied(tmp_path)
    for path in (tmp_path / "leaderboards").glob("*/[!i]*@*"):  # no page asks for them
        path.unlink()
    rows = ("erm", "proco", "balanced_softmax", "effective_number", "crt")
    few_rows(
        tmp_path / "leaderboards",
        ("isic2018@natural", "isic2018@lt100"),
        lambda r: r.cell.method in rows and not r.cell.terms.weights,
    )
    path = f"{programs_in(tmp_path / '.venv/bin')}{os.pathsep}{environment['PATH']}"
    return tmp_path, {**environment, "PATH": path, "COLUMNS": "200"}


def run(folder: Path, environment: dict[str, str], script: str) -> str:
    words = ["bash", "-euc", script]
    told = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, f"{script}\n{told.stdout[-4000:]}\n{told.stderr[-4000:]}"
    return told.stdout + told.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", few(PAGES, "README.md", "CONTRIBUTING.md"))
def test_the_commands_run(folder, page):
    place, environment = folder
    for command in commands(page):
        rule = rule_of(command)
        if rule.ci or rule.why_not:
            continue
        rule.before(place)
        assert rule.told in run(place, environment, command + rule.add), command


@pytest.mark.slow
def test_the_library_example_runs(folder):
    run(*folder, f"python -c {shlex.quote(block('README.md', 'python'))}")


@pytest.mark.thorough
@pytest.mark.slow
def test_the_example_of_networks_runs(folder):
    make_images(folder[0])
    given = "import torch\nimages = torch.zeros(2, 3, 28, 28, dtype=torch.uint8)\n"
    words = f"{given}{block('docs/networks.md', 'python')}print(probabilities.shape)"
    assert "[2, 7]" in run(*folder, f"{TWO} && python -c {shlex.quote(words)}")
