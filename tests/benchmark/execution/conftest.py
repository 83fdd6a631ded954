"""A store of one's own, and one small training that several files look at."""

import pytest

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from tests.benchmark.cells import cell


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture(scope="package")
def outcome(tmp_path_factory):
    """One small training that several tests look at."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MEDTAIL_CACHE", str(tmp_path_factory.mktemp("cache")))
    worker.prepared.cache_clear()
    result = worker.run(Store(tmp_path_factory.mktemp("runs")).job(cell(), 1))
    patch.undo()
    assert result.record.status == "ok", result.traceback
    return result
