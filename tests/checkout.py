"""Copies of the checkout in which something may be changed, and how Python gets to use them."""

import os
import shutil
from pathlib import Path

from . import ROOT

PARTS = ("medtail", "benchmark", "methods", "datamodules", "tests", "leaderboards")
# Tells the finder of the editable install where the house stands now.
SITE = """\
import sys
for name, finder in list(sys.modules.items()):
    if name.startswith("__editable___medtail"):
        for package, place in finder.MAPPING.items():
            finder.MAPPING[package] = place.replace({here!r}, {there!r}, 1)
"""


def copied(folder: Path, parts: tuple[str, ...] = PARTS) -> dict[str, str]:
    """Copy parts of the checkout into ``folder``; returns the environment in which it is medtail.

    No ``ROOT`` on Python's path: what is not copied must be missing.
    """
    for part in parts:
        ignore = shutil.ignore_patterns("__pycache__", "*.png")
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / ".site").mkdir()
    site = SITE.format(here=str(ROOT), there=str(folder.resolve()))
    (folder / ".site/sitecustomize.py").write_text(site)
    return {**os.environ, "PYTHONPATH": str(folder / ".site")}
