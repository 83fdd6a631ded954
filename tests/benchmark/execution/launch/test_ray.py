"""Cells on workers of Ray: the numbers of one process; what dies, and nodes that are lost."""

import signal
import time
from functools import partial
from threading import Thread

import pytest
from ray.cloudpickle import register_pickle_by_value

from medtail.benchmark.execution.launch import ray
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import QUICK, cell
from tests.benchmark.execution.launch import cases


@pytest.fixture
def by_value():
    """Ray's workers do not see this checkout's tests."""
    register_pickle_by_value(cases)


@pytest.mark.slow
def test_ray_gives_the_numbers_of_inline(store, tmp_path):
    cases.gives_the_numbers_of_inline(ray.launcher(2), store, tmp_path)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_dead_worker_is_a_failed_cell_and_the_others_go_on(store, by_value):
    reason = cases.reason_of_a_dead_one(store, partial(ray.launch, workers=1), signal.SIGKILL)
    assert "died" in reason or "crash" in reason.lower()


@pytest.mark.slow
def test_more_devices_than_there_are_is_one_clear_line(store):
    with pytest.raises(MedtailError, match="--devices 1000: there are"):
        list(ray.launch([store.job(cell(), 1000)], workers=2))


def test_a_cell_of_several_devices_needs_a_node_that_has_them():
    def node(alive=True, **resources):
        return {"Alive": alive, "Resources": resources}

    nodes = [node(CPU=8.0), node(CPU=2.0, GPU=2.0), node(CPU=2.0, GPU=2.0)]
    ray.check_devices(2, nodes)
    said = "--devices 4: a cell trains on one node, and the largest has 2 GPUs"
    with pytest.raises(MedtailError, match=said):
        ray.check_devices(4, nodes)
    with pytest.raises(MedtailError, match="--devices 2: there are 1 cores"):
        ray.check_devices(2, [node(CPU=1.0), node(alive=False, CPU=4.0)])


@pytest.mark.thorough
@pytest.mark.slow
def test_cells_of_a_lost_node_run_elsewhere_with_the_same_numbers(store, tmp_path, by_value):
    from ray.cluster_utils import Cluster

    budget = QUICK.model_copy(update={"epochs": 12})
    cells = [cell(name, selection="last", budget=budget) for name in ("erm", "focal")]
    jobs = [cases.with_diary(store.job(one, 1), tmp_path) for one in cells]
    cluster = Cluster()
    cluster.add_node(num_cpus=1, include_dashboard=False)
    second = cluster.add_node(num_cpus=1)
    try:

        def lose_a_node():
            deadline = time.monotonic() + 120
            while not all("epoch 2/12" in job.progress.lines for job in jobs):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            cluster.remove_node(second, allow_graceful=False)

        end = Thread(target=lose_a_node)
        end.start()
        records = {o.record.cell_id: o.record for o in ray.launch(jobs, address=cluster.address)}
        end.join()
    finally:
        cluster.shutdown()
    assert [records[one.id].status for one in cells] == ["ok", "ok"], records
    begun = [job.progress.lines.count("preparing") for job in jobs]
    assert sorted(begun) == [1, 2], "one of them ran again, on the node that was left"
    again = jobs[begun.index(2)].progress.lines
    assert again.count("epoch 1/12") == 1, "from its checkpoint"
    expected = cases.predictions_inline(cells, tmp_path / "alone")
    assert [records[one.id].predictions for one in cells] == expected
