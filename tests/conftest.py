"""Settings and fixtures of all tests: one thread per process, private data and cache folders."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_worker_niceness", "0")  # or they starve beside the other tests

import pytest
import torch

from medtail.datamodules.core.errors import MedtailError

torch.set_num_threads(1)
REAL_DATA = Path(os.environ.get("MEDTAIL_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("image-cache")


@pytest.fixture(autouse=True)
def _private_folders(monkeypatch, tmp_path, cache_folder):
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MEDTAIL_CACHE", str(cache_folder))
    monkeypatch.setenv("WANDB_MODE", "offline")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Python 3.13 has no submodlib: what asks for it by name is skipped there, and only there."""
    try:
        return (yield)
    except MedtailError as error:
        if sys.version_info >= (3, 13) and str(error).startswith("submodlib is not installed"):
            pytest.skip(str(error))
        raise


@pytest.fixture
def real_data() -> Path:
    """The folder of real data, MEDTAIL_DATA or shared/data beside the checkout; else skips."""
    if not (REAL_DATA / "ham10000").is_dir():
        pytest.skip(f"no real data in {REAL_DATA}: set MEDTAIL_DATA")
    return REAL_DATA
