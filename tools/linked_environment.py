"""A virtual environment with a wheel and what it requires, in seconds instead of minutes.

    .venv/bin/python tools/linked_environment.py FOLDER WHEEL [EXTRA ...]

The packages are links to those of the environment that runs this, and only such that the wheel's
metadata ask for, as pip would find them: one that is used and not required is missing there.
"""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def required(requirements: list[str], extras: set[str], found: dict[str, set[str]]) -> None:
    """Add to ``found`` the packages, with their extras, that requirements ask for here.

    Raises:
        SystemExit: one is not installed, or in a version that is not asked for.
    """
    for text in requirements:
        asked = Requirement(text)
        if asked.marker and not any(asked.marker.evaluate({"extra": e}) for e in extras | {""}):
            continue
        name = canonicalize_name(asked.name)
        try:
            here = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"{text}: not installed here: run make setup")
        if not asked.specifier.contains(here.version, prereleases=True):
            sys.exit(f"{text}: {here.version} is installed here: run make setup")
        if name not in found or not asked.extras <= found[name]:
            found.setdefault(name, set()).update(asked.extras)
            required(here.requires or [], found[name], found)


def link(name: str, site: Path) -> None:
    """Link what a package put into the folder of packages."""
    place = Path(sysconfig.get_path("purelib"))
    for top in {file.parts[0] for file in distribution(name).files or ()} - {"..", "__pycache__"}:
        if not (site / top).exists() and (place / top).exists():
            (site / top).symlink_to(place / top)


def make(folder: Path, wheel: Path, extras: set[str]) -> None:
    """Make the environment, or add to it what more extras ask for."""
    with zipfile.ZipFile(wheel) as file:
        (path,) = (n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        asked = Parser().parsestr(file.read(path).decode()).get_all("Requires-Dist")
    found: dict[str, set[str]] = {}
    required(asked, extras, found)
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for name in found:
        link(name, folder / "lib" / version / "site-packages")
    words = ["install", "-q", "--no-deps", "--force-reinstall", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *words], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]), set(sys.argv[3:]))
