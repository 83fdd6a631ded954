"""Small networks that several files look at, kept as ``medtail bench`` keeps them."""

import shutil

import numpy as np
import pytest
from PIL import Image

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.networks.network import load
from tests.benchmark.cells import QUICK, bench, cell

SMALL = {"image_size": (20, 20), "budget": QUICK.model_copy(update={"epochs": 1})}
CELLS = {
    "erm": cell("erm", data="phantom@lt20", **SMALL),
    "mahalanobis": cell("mahalanobis", data="phantom@oneclass", selection="last", **SMALL),
    "protonet": cell("protonet", data="phantom@shot1", test_episodes=5, **SMALL),
}


@pytest.fixture(scope="package")
def trained(tmp_path_factory):
    """A folder of results with one network of each track that has its own way to predict."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MEDTAIL_CACHE", str(tmp_path_factory.mktemp("cache")))
    worker.prepared.cache_clear()
    store = Store(tmp_path_factory.mktemp("trained") / "runs")
    _, failures = bench(list(CELLS.values()), store)
    patch.undo()
    assert not failures
    return store


@pytest.fixture
def runs(trained, tmp_path, monkeypatch):
    """A copy of it, in the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.root, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def network(trained):
    return lambda name: load(trained.folder(CELLS[name]))


@pytest.fixture
def pictures(tmp_path):
    """Images of several sizes and modes, below folders."""
    rng, folder = np.random.default_rng(0), tmp_path / "pictures"
    for place, shape in (("x/0.png", (20, 20, 3)), ("x/1.png", (41, 30, 3)), ("y/2.png", (33, 50))):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(folder / place)
    return folder
