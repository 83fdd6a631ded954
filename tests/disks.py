"""Small disks that are mounted for a test, where the machine allows it."""

import os
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def mounted(folder, options):
    """A disk in memory at a folder, with options of tmpfs such as ``size=64k``; else skips."""
    made = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here: by root alone, where the machine allows it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
