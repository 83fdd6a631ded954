"""What the machine decides of the loading: by its cores, the cells on it, and its memory."""

from types import SimpleNamespace

import pytest

from medtail import datamodules
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.loading import machine


@pytest.fixture
def gpu(monkeypatch):
    """A GPU with 40 GiB free, and 16 cores; as far as the loading sees."""
    monkeypatch.setattr(machine.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(machine.torch.cuda, "mem_get_info", lambda: (40 * 2**30, 80 * 2**30))
    monkeypatch.setattr(machine, "cores", lambda: 16)
    monkeypatch.delenv(machine.SIDE_BY_SIDE, raising=False)


@pytest.fixture
def data():
    built = datamodules.build("phantom@natural", 16, count=400)
    built.prepare()
    return built


@pytest.mark.parametrize(
    ("cells", "augmenting", "read_only"),
    [(1, 12, 4), (2, 7, 4), (4, 3, 3), (8, 1, 1), (16, 0, 0), (99, 0, 0)],
)
def test_on_a_gpu_a_cell_has_its_share_of_the_cores(cells, augmenting, read_only, gpu, monkeypatch):
    monkeypatch.setenv(machine.SIDE_BY_SIDE, str(cells))
    asked = SimpleNamespace(workers=None, trainer=None, features=None)
    assert machine.chosen_workers(asked, True) == augmenting
    assert machine.chosen_workers(asked, False) == read_only
    asked.workers = 5
    assert machine.chosen_workers(asked, True) == 5, "who asks is given"


def test_processes_of_a_cell_share_its_cores(gpu):
    four = SimpleNamespace(world_size=4)
    asked = SimpleNamespace(workers=None, trainer=four, features=None)
    assert machine.chosen_workers(asked, True) == 3
    asked.features = object()  # which need nobody
    assert machine.chosen_workers(asked, True) == 0


def test_on_a_cpu_nobody_helps(data):
    assert data.workers is None
    assert data.train_dataloader().num_workers == 0
    assert data.plain_loader("test").num_workers == 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine of fewer cores
def test_loaders_that_only_read_are_few(gpu, data):
    assert data.plain_loader("test").num_workers == 4
    assert data.train_dataloader().num_workers == 12
    data.augment_there = True
    assert data.train_dataloader().num_workers == 4
    data.connect(DataRequest(augment=False), 32, 0, 1)
    data.augment_there = None
    assert data.train_dataloader().num_workers == 4


def test_prediction_takes_what_memory_holds(gpu, monkeypatch):
    assert machine.plain_images((28, 28)) == machine.PLAIN
    free = 20 * 2**30
    assert machine.plain_images((224, 224)) == free // (machine.OF_A_PIXEL * 224**2) == 139
    assert machine.plain_images((224, 224), thrift=2) == 69
    monkeypatch.setenv(machine.SIDE_BY_SIDE, "4")
    assert machine.plain_images((224, 224)) == 34
    monkeypatch.setattr(machine.torch.cuda, "mem_get_info", lambda: (0, 2**30))
    assert machine.plain_images((224, 224)) == 8


def test_on_a_cpu_prediction_takes_as_many_as_ever():
    sizes = {16: 256, 28: 256, 64: 256, 96: 113, 224: 20, 512: 8}
    assert {size: machine.plain_images((size, size)) for size in sizes} == sizes
    assert machine.plain_images((512, 512), thrift=2) == 4
    built = datamodules.build("phantom@natural", 64, count=400)
    built.prepare()
    built.thrift = 8
    assert built.plain_loader("test").sampler.batch_size == 32
