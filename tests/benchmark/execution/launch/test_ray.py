"""Cells on workers of Ray: the numbers of one process, and what dies is one failed cell."""

import dataclasses
import os
import sys

import pytest
from ray.cloudpickle import register_pickle_by_value

from medtail.benchmark.execution.launch import ray
from medtail.benchmark.execution.store import Store
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import bench, cell


class Deadly:
    """A progress note that kills the process that writes it."""

    @property
    def parent(self):
        os._exit(1)

    def unlink(self, missing_ok):
        pass


@pytest.mark.slow
def test_ray_gives_the_numbers_of_inline(store, tmp_path):
    cells = [cell("erm"), cell("focal"), cell("erm", params={"no_such": 1})]
    _, failures = bench(cells, store, ray.launcher(2))
    assert len(failures) == 1
    assert "no_such" in failures[0]
    alone = Store(tmp_path / "alone")
    bench(cells[:2], alone)
    for one in cells[:2]:
        assert store.read(one).predictions == alone.read(one).predictions


@pytest.mark.slow
def test_a_dead_worker_is_a_failed_cell_and_the_others_go_on(store):
    register_pickle_by_value(sys.modules[__name__])
    deadly = dataclasses.replace(store.job(cell("focal"), 1), progress=Deadly())
    outcomes = ray.launch([deadly, store.job(cell("ncm"), 1)], workers=1)
    records = {o.record.cell.method: o.record for o in outcomes}
    assert records["focal"].status == "failed"
    assert "died" in records["focal"].reason or "crash" in records["focal"].reason.lower()
    assert records["ncm"].status == "ok"


@pytest.mark.slow
def test_more_devices_than_there_are_is_one_clear_line(store):
    with pytest.raises(MedtailError, match="--devices 1000: there are"):
        list(ray.launch([store.job(cell(), 1000)], workers=2))
