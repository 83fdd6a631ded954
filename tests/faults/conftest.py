"""One quiet run of the tiny suite, to which boards after a fault are compared."""

import json
import os

import pytest
from filelock import FileLock

from tests.faults import kit


@pytest.fixture(scope="session")
def quiet(tmp_path_factory):
    """Results of an undisturbed run, made once for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    kept = shared / "quiet.json"
    with FileLock(shared / "quiet.lock"):
        if not kept.exists():
            folder = shared / "quiet"
            folder.mkdir()
            run = kit.bench(folder)
            assert run.status == 0, run.out
            kept.write_text(json.dumps(kit.results(folder)))
    found = json.loads(kept.read_text())
    assert len(found) == 4, "a page and three records"
    return found


@pytest.fixture
def equal(quiet):
    """Assert that a folder's boards are those of the undisturbed run."""

    def check(folder):
        assert json.loads(json.dumps(kit.results(folder))) == quiet

    return check
