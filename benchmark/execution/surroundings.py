"""What the machine around a run may be like: temporary folders, a sweep's variables, a cluster."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medtail.datamodules.core.errors import MedtailError

# A socket's path has at most 107 bytes on Linux, and Ray's is the longest that is made.
SOCKET = "/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
LONGEST = 107 - len(SOCKET)
SHORT = ("/tmp", "/var/tmp", "/dev/shm")
OF_A_RUN = (
    "WANDB_RUN_ID",
    "WANDB_SWEEP_ID",
    "WANDB_SWEEP_PARAM_PATH",
    "WANDB_RESUME",
    "WANDB_NAME",
    "WANDB_RUN_GROUP",
)
CACHES = (
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "WANDB_CACHE_DIR",
    "WANDB_CONFIG_DIR",
    "WANDB_DATA_DIR",
)
CONNECT, ANSWER = 5, 12  # seconds


def shorten_temporary_folder() -> str:
    """Take another temporary folder where sockets in it would have too long a path.

    Returns:
        A line that says so; empty where nothing changed.
    """
    given = tempfile.gettempdir()
    place = next((p for p in SHORT if Path(p).is_dir() and os.access(p, os.W_OK | os.X_OK)), None)
    if len(os.fsencode(given)) <= LONGEST or place is None:
        return ""
    os.environ["TMPDIR"] = tempfile.tempdir = place
    return f"TMPDIR has too long a path for sockets ({len(given)} letters): {place} is used"


def mend_folders() -> list[str]:
    """Let what medtail uses find folders of its own: a home, and caches where they are named.

    Returns:
        Lines that say what is not used.
    """
    told = []
    for name in CACHES:
        if (place := os.environ.get(name)) and not _writable(Path(place), make=True):
            del os.environ[name]
            told.append(f"{name} ({place}) cannot be written and is not used")
    home = os.environ.get("HOME", "")
    if not home or not _writable(Path(home)):
        found = Path(tempfile.gettempdir()) / f"medtail-home-{os.getuid()}"
        found.mkdir(mode=0o700, exist_ok=True)
        if found.stat().st_uid != os.getuid():  # somebody else was there first
            found = Path(tempfile.mkdtemp(prefix="medtail-home-"))
        os.environ["HOME"] = str(found)
        told.append(f"HOME ({home or 'not set'}) cannot be written: {found} stands in for it")
    return told


def _writable(place: Path, make: bool = False) -> bool:
    try:
        if make:
            place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def of_a_sweep() -> str:
    """A line where variables of one run stand in the environment of many cells; else empty."""
    given = [name for name in ("WANDB_SWEEP_ID", "WANDB_RUN_ID") if os.environ.get(name)]
    return f"wandb: each cell is a run of its own, not that of {', '.join(given)}" if given else ""


@contextmanager
def without_a_run(mode: str) -> Iterator[None]:
    """Within, wandb finds no run, sweep or name in the environment, and this mode."""
    before = dict(os.environ)
    for name in OF_A_RUN:
        os.environ.pop(name, None)
    os.environ["WANDB_MODE"] = mode
    try:
        yield
    finally:
        for name in (*OF_A_RUN, "WANDB_MODE"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def check_cluster(address: str) -> None:
    """Ask whether a Ray cluster answers, within seconds; Ray itself would try for minutes.

    Args:
        address: ``host:port`` or ``ray://host:port``; others are Ray's to find.

    Raises:
        MedtailError: nothing answers there.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    client = ["--component", "ray_client_server"] if address.startswith("ray://") else []
    asked = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT).close()
        asked += ["--address", f"{host}:{port}", *client]
        subprocess.run(asked, capture_output=True, timeout=ANSWER, check=True)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = getattr(error, "strerror", None) or "it is no Ray cluster that answers"
        raise MedtailError(
            f"--ray-address {address}: no cluster there ({why}); start one (ray start --head), or "
            "leave the option out to use this machine"
        ) from error
