"""Where a result comes from: commit, versions, machine. Imports nothing that takes a second."""

import platform
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from medtail import __version__

from ..evidence.record import Provenance

if TYPE_CHECKING:
    from medtail.datamodules.core.base import ImageDataModule

HOUSE = ("medtail", "benchmark", "methods", "datamodules")
VERSIONS = ("torch", "lightning", "timm", "torchmetrics", "albumentations", "numpy")


@lru_cache(maxsize=1)
def commit() -> str:
    """The commit of medtail that runs, ``+changes`` where its files are not those of the commit.

    Empty where this file is in no checkout, whatever repository an installed medtail lies in.
    """
    here = Path(__file__).resolve()
    top = here.parents[2]

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=top, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != top:
            return ""
        git("ls-files", "--error-unmatch", str(here.relative_to(top)))
        changed = git("status", "--porcelain", "--", *HOUSE)
        return git("rev-parse", "HEAD")[:12] + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def versions() -> dict[str, str]:
    """Of medtail, of the packages that decide numbers and of Python."""
    others = {name: version(name) for name in VERSIONS}
    return {"medtail": __version__, **others, "python": platform.python_version()}


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


def provenance(data: "ImageDataModule") -> Provenance:
    """Where a result of now and here comes from."""
    return Provenance(
        commit=commit(),
        versions=versions(),
        platform=f"{platform.system()} {platform.machine()} {processor()}",
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        split_digest=data.digest,
        source=str(getattr(data, "source", "")),
    )
