"""Where a result says that it comes from: medtail's own commit, or none."""

import shutil
import subprocess
import sys

from medtail import __version__
from medtail.benchmark.execution import provenance
from tests import ROOT

ASK = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in getattr(f, "__module__", "")]
sys.path.insert(0, {root!r})
from medtail.benchmark.execution.provenance import commit
print(commit())
"""


def git(folder, *words):
    who = ("-c", "user.name=other", "-c", "user.email=other@example.org")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def asked(folder, root):
    """The commit that a medtail in ``root`` states, run in ``folder``, without the editable one."""
    code = ASK.format(root=str(root))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def installed(folder):
    """What a wheel leaves in a folder of packages."""
    for name in provenance.HOUSE:
        ignore = shutil.ignore_patterns("__pycache__")
        inside = folder / "medtail" / ("" if name == "medtail" else name)
        shutil.copytree(ROOT / name, inside, ignore=ignore, dirs_exist_ok=True)


def test_a_repository_around_the_environment_is_not_ours(tmp_path):
    site = tmp_path / "project/.venv/site-packages"
    site.mkdir(parents=True)
    installed(site)
    git(tmp_path / "project", "init", "-q")
    git(tmp_path / "project", "commit", "-q", "--allow-empty", "-m", "other")
    assert asked(tmp_path / "project", site) == ""
    git(tmp_path / "project", "add", "-A", "-f")
    git(tmp_path / "project", "commit", "-q", "-m", "with its packages")
    assert asked(tmp_path / "project", site) == ""


def test_no_repository_is_no_commit(tmp_path):
    installed(tmp_path)
    assert asked(tmp_path, tmp_path) == ""


def test_a_checkout_says_its_commit_and_whether_files_changed(tmp_path):
    for name in provenance.HOUSE:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    links = tmp_path / "links" / "medtail"
    links.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        (links / name).symlink_to(tmp_path / "medtail" / name)
    for name in provenance.HOUSE[1:]:
        (links / name).symlink_to(tmp_path / name)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "medtail", "benchmark", "methods", "datamodules")
    git(tmp_path, "commit", "-q", "-m", "ours")
    head = git(tmp_path, "rev-parse", "HEAD")[:12]
    assert asked(tmp_path, links.parent) == head
    (tmp_path / "notes.txt").write_text("mine")
    assert asked(tmp_path, links.parent) == head
    (tmp_path / "methods" / "new.py").write_text("")
    assert asked(tmp_path, links.parent) == f"{head}+changes"


def test_versions_are_stated_with_ours():
    found = provenance.versions()
    assert found["medtail"] == __version__
    assert {"torch", "lightning", "timm", "numpy", "python"} <= found.keys()
