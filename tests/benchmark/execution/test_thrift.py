"""Out of memory: once more with half as many images at a time, which the record says."""

import pytest
import torch

from medtail.benchmark.evidence.record import Cost
from medtail.benchmark.execution import preflight, thrift, trial, worker
from medtail.benchmark.networks import network
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method
from medtail.methods.erm import ERM
from tests.benchmark.cells import QUICK, bench, cell
from tests.benchmark.execution.test_trial import check

TEXT = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.1 GiB"


@pytest.fixture
def short(monkeypatch):
    """A device that holds the training of so many images and no more; the sizes that were tried."""
    sizes, loss = [], ERM.loss

    def hold(images, error=None):
        def limited(self, batch):
            sizes.append(len(batch.target))
            if len(batch.target) > images:
                raise error or torch.OutOfMemoryError(TEXT)
            return loss(self, batch)

        monkeypatch.setattr(ERM, "loss", limited)
        return sizes

    return hold


def budget(**changes):
    return {"budget": QUICK.model_copy(update=changes)}


def test_it_is_retried_once_with_half_of_the_batch(store, short):
    sizes = short(32)
    mine = cell("erm", **budget())
    outcome = worker.run(store.job(mine, 1))
    record = outcome.record
    assert record.status == "ok", outcome.traceback
    assert sizes[0] == 64
    assert set(sizes[1:]) == {32}
    told = "out of memory with accumulate 1: trained with accumulate 2, 32 images at a time"
    assert record.cost.retried == told
    assert outcome.note == f"; {told}"
    assert (record.cell, record.cell_id) == (mine, mine.id), "its identity is what was asked for"
    assert record.cell.terms.budget.accumulate == 1
    store.write(outcome)
    assert store.done(mine)
    assert network.load(next(store.root.rglob("network.json"))).about.cell == mine


def test_its_numbers_are_those_of_the_terms_that_ask_for_parts(store, short):
    plain = worker.run(store.job(cell("erm", **budget(accumulate=2)), 1))
    short(32)
    again = worker.run(store.job(cell("erm", **budget()), 1))
    assert plain.record.cost.retried == ""
    assert again.record.predictions == plain.record.predictions
    assert plain.record.cell_id != again.record.cell_id


def test_it_is_retried_no_more_than_once(store, short):
    sizes = short(8)
    record = worker.run(store.job(cell("erm", **budget()), 1)).record
    assert record.status == "failed"
    assert sizes == [64, 32]
    assert record.reason.startswith("OutOfMemoryError: CUDA out of memory")
    assert not list(store.root.rglob("under_way/*/*"))


def test_other_failures_are_not_retried(store, short):
    sizes = short(32, RuntimeError("shape [2, 3] is invalid"))
    assert worker.run(store.job(cell("erm"), 1)).record.status == "failed"
    assert sizes == [64]


@pytest.mark.parametrize("size", [33, 1])
def test_a_batch_that_cannot_be_halved_says_what_was_first(store, short, size):
    sizes = short(0)
    record = worker.run(store.job(cell("erm", **budget(batch_size=size)), 1)).record
    assert record.reason.startswith("OutOfMemoryError: CUDA out of memory")
    assert sizes == [size]


def test_predictions_are_made_of_half_as_many_then(store, short):
    short(32)
    mine = cell("erm", **budget())
    worker.run(store.job(mine, 1))
    assert worker.prepared(thrift.halved(mine).terms).thrift == 2
    worker.run(store.job(cell("erm", **budget(batch_size=32)), 1))
    assert worker.prepared(cell("erm", **budget(batch_size=32)).terms).thrift == 1


def test_what_the_driver_says(store, short):
    short(32)
    mine = cell("erm")
    missing, failures = bench([mine], store)
    assert (missing, failures) == ([mine], [])


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (torch.OutOfMemoryError(TEXT), True),
        (RuntimeError(TEXT), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB)"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (MedtailError(f"{TEXT}"), False),
        (MemoryError(), False),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
    ],
    ids=str,
)
def test_what_it_is_and_what_not(error, lacking):
    assert thrift.out_of_memory(error) == lacking


def test_what_it_comes_from_counts():
    error = ValueError("while a support set was learnt")
    error.__cause__ = torch.OutOfMemoryError(TEXT)
    assert thrift.out_of_memory(error)


def test_a_record_says_nothing_where_nothing_was_retried():
    cost = Cost(seconds=1, train_seconds=1, parameters=1, images=1, peak_mib=1, device="cpu")
    assert "retried" not in cost.model_dump_json()
    again = cost.model_copy(update={"retried": "out of memory"})
    assert Cost.model_validate_json(again.model_dump_json()) == again


def holding(images):
    """The features of a network for which memory holds so many images."""
    features = Method.features

    def limited(self, image):
        if len(image) > images:
            raise torch.OutOfMemoryError(TEXT)
        return features(self, image)

    return limited


def test_a_trial_without_room_for_a_batch_tries_half(monkeypatch):
    monkeypatch.setattr(Method, "features", holding(1))
    small = {"backbone": "test_vit", "image_size": (32, 32)}
    check([cell("erm", **small, **budget(batch_size=2))])
    monkeypatch.setattr(Method, "features", holding(0))
    words = r"cannot be trained in bf16-mixed \(CUDA out of memory.*larger budget.accumulate"
    with pytest.raises(MedtailError, match=words):
        check([cell("erm", **small, **budget(batch_size=2))])


def test_a_trial_gives_back_what_it_took(monkeypatch):
    """Or the memory that its allocator keeps would count as taken where cells are packed."""
    done = []
    monkeypatch.setattr(trial.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(trial.torch.cuda, "max_memory_reserved", lambda: 3 * 2**30)
    monkeypatch.setattr(trial.memory, "give_back", lambda: done.append(True))
    assert trial._taken() == 3 * 1024
    assert done


def test_packing_takes_what_the_largest_trial_measured(monkeypatch):
    from rich.console import Console

    measured = iter([100.0, 900.0, 300.0])
    monkeypatch.setattr(preflight, "try_step", lambda method, terms: next(measured))
    cells = [cell("erm", **budget(batch_size=n)) for n in (16, 32, 64)]
    silent = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    assert preflight.check(cells, silent) == 900.0


def test_processors_of_a_gpu_are_packed_by_memory(monkeypatch):
    from medtail.benchmark.execution import packing

    for name, value in (("is_available", True), ("device_count", 1)):
        monkeypatch.setattr(packing.torch.cuda, name, lambda value=value: value)
    monkeypatch.setattr(packing.torch.cuda, "mem_get_info", lambda: (80 * 2**30, 80 * 2**30))
    monkeypatch.setattr(packing, "cores", lambda: 16)
    assert packing.cells_per_gpu(100) == 16
    assert packing.cells_per_gpu(8000) == 4
    assert packing.cells_per_gpu(10**6) == 1


def test_workers_know_how_many_share_the_cores():
    from medtail.datamodules.core.loading import machine

    assert worker.worker_environment(6)[machine.SIDE_BY_SIDE] == "6"


def test_a_gpu_has_its_own_peak(monkeypatch):
    from medtail.benchmark.tracks import memory

    on_cpu = memory.peak()
    assert 50 < on_cpu < 10**5
    cuda = memory.torch.cuda
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "max_memory_allocated", lambda: 5 * 2**20)
    monkeypatch.setattr(cuda, "reset_peak_memory_stats", lambda: None)
    memory.begin()
    assert memory.peak() == 5
    memory.note(7.5)  # of a process that trained for this one
    assert memory.peak() == 7.5
    memory.begin()
    assert memory.peak() == 5
