"""What stands around the code: workflows, forms, hooks, changelog, the site of the pages."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import medtail
from tests import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
FORMS = sorted(p for p in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if p.stem != "config")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))


def steps(path: Path) -> list[dict[str, object]]:
    """The steps of a workflow or of an action."""
    parsed = yaml.safe_load(path.read_text())
    jobs = parsed["jobs"].values() if "jobs" in parsed else [parsed["runs"]]
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda p: p.parent.name + p.stem)
def test_workflows_only_call_make(path):
    commands = [str(step["run"]) for step in steps(path) if "run" in step]
    assert commands
    for command in commands:
        program, *targets = shlex.split(command)
        assert program == "make"
        assert targets
        assert set(targets) <= TARGETS, command
    for step in steps(path):
        if "uses" in step and not str(step["uses"]).startswith("./"):
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", str(step["uses"]))
        elif "uses" in step:
            assert (ROOT / str(step["uses"]) / "action.yml").is_file()


def test_workflows_run_what_ci_runs():
    scripts = [(ROOT / ".ci/run").read_text(), *(p.read_text() for p in [*WORKFLOWS, *ACTIONS])]
    lines = (re.findall(r"make((?: [\w=-]+)+)$", text, re.M) for text in scripts)
    here, *there = ({w for w in " ".join(found).split() if w[0] != "-"} for found in lines)
    assert set().union(*there) == here


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_may_do_little(path):
    parsed = yaml.safe_load(path.read_text())
    assert parsed["permissions"] == {"contents": "read"}
    assert parsed["concurrency"]["group"]
    for job in parsed["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert "permissions" not in job


def test_the_matrix_is_what_the_project_supports():
    """From the oldest Python of pyproject.toml to the newest, without a gap."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    versions = [int(v.partition(".")[2]) for v in jobs["tests"]["strategy"]["matrix"]["python"]]
    oldest = re.search(r'requires-python = ">=3\.(\d+)', (ROOT / "pyproject.toml").read_text())
    assert oldest
    assert versions == list(range(int(oldest[1]), versions[-1] + 1))


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_forms_ask_for_something(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert any(part["validations"]["required"] for part in asked if "validations" in part)
    names = [part["id"] for part in asked]
    assert len(names) == len(set(names))
    for part in asked:
        assert part["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert part["attributes"]["label"]


def test_the_forms_are_the_three_we_need():
    assert [path.stem for path in FORMS] == ["new-dataset", "new-method", "wrong-number"]


def test_hooks_are_local_and_their_programs_are_there():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        program = shlex.split(hook["entry"])[0]
        if hook["language"] == "system":
            found = Path(sys.prefix, "bin", Path(program).name)
            assert found.exists() if program.startswith(".venv") else shutil.which(program)
        else:
            assert hook["language"] == "pygrep"
            assert not re.search(hook["entry"], (ROOT / ".pre-commit-config.yaml").read_text())


def test_the_changelog_knows_the_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (Unreleased|\d{4}-\d\d-\d\d)$", text, re.M)
    assert len(found) == len(re.findall(r"^## ", text, re.M))
    versions = [tuple(map(int, version.split("."))) for version, _ in found]
    assert versions == sorted(set(versions), reverse=True)
    assert "Unreleased" not in [date for _, date in found[1:]]
    assert found[0][0] == medtail.__version__


def test_the_tools_of_the_site_are_pinned_once():
    """What requirements.lock has is not named again, so that nothing of it changes."""
    names = [
        re.findall(r"^([\w.-]+)==[\w.]+$", (ROOT / place).read_text(), re.M)
        for place in ("requirements.lock", "docs/requirements.lock")
    ]
    main, docs = ({name.lower().replace("_", "-") for name in of} for of in names)
    assert {"sphinx", "myst-parser"} <= docs
    assert not main & docs
    lines = (ROOT / "docs/requirements.lock").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == len(docs)


PAGE = "# A page\n\n## Part\n\n[{0}]({0})\n"
TREE = "\n```{toctree}\ndocs/other\n```\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "whole"),
    [
        ("docs/other.md", True),
        ("docs/other.md#part", True),
        ("methods/erm.py", True),
        ("docs/gone.md", False),
        ("docs/other.md#gone", False),
        ("methods/gone.py", False),
    ],
)
def test_a_broken_link_is_an_error(tmp_path, link, whole):
    pytest.importorskip("sphinx", reason="make docs has not run in this environment")
    for folder in ("docs/cards", "docs/static", "leaderboards", "methods"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "methods/erm.py").write_text('"""A method."""')
    conf = (ROOT / "docs/conf.py").read_text()
    (tmp_path / "docs/conf.py").write_text(f"{conf}\nMENU = {{}}\n")
    (tmp_path / "README.md").write_text(PAGE.format(link) + TREE)
    (tmp_path / "docs/other.md").write_text(PAGE.format("../README.md"))
    words = ("-m", "sphinx", "-q", "-W", "-c", "docs", ".", "site")
    told = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)
    assert (told.returncode == 0) == whole, told.stderr
    if not whole:
        assert link.rpartition("#")[2].rpartition("/")[2] in told.stderr
    elif link.endswith(".py"):
        assert list(tmp_path.glob("site/_downloads/*/erm.py"))
