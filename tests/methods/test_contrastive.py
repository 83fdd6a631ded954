"""Contrastive methods: wrong arguments; two processes do what one does, as some others, too."""

import numpy as np
import pytest
import torch
from torch.multiprocessing import start_processes

from medtail import methods
from medtail.benchmark.execution import worker as run
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import supervised
from medtail.benchmark.tracks.batchnorm import GlooBatchNorm
from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError
from tests.methods.contrastive import SPEC, build, exact
from tests.methods.long_tail import at


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("proco", "tau", 0),
        ("proco", "eta", -1),
        ("proco", "eps", -0.1),
        ("proco", "mix", 1.5),
        ("proco", "recalibrate", "posterior"),
        ("paco", "alpha", -1),
        ("paco", "queue", 0),
        ("paco", "momentum", 1),
        ("bcl", "weight", -1),
        ("bcl", "scale", 0),
        ("supcon", "tau", 0),
        ("supcon", "dim", 0),
    ],
)
def test_bad_arguments_are_one_clear_line(name, argument, value):
    with pytest.raises(MedtailError, match=f"^{name}: {argument} "):
        methods.build(name, SPEC, **{argument: value})


VIEWS = {
    **{"paco": 2, "proco": 2, "bcl": 3, "supcon": 2, "ecl": 2, "probabilistic_contrastive": 3},
    **{"lade": 1, "tde": 1, "range_loss": 1},  # no contrast, but terms of the whole batch
}
QUEUED = ("paco", "proco")


def worker(rank, folder):
    """Three steps of a method on this process's half of the batches, and what came out."""
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    found = {name: steps(name, views, rank, 2) for name, views in VIEWS.items()}
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def shared(views, seed, share, *, second):
    """A process's share of a batch, and of the one beside it."""
    given = Batch(*(part[share] for part in exact(views, seed)[:3]))
    given = given if views > 1 else given._replace(image=given.image[:, 0])
    return given._replace(second=shared(views, 9 + seed, share, second=False)) if second else given


def steps(name, views, rank=0, world=1):
    """Plain gradient descent, the gradients averaged over processes as DDP does."""
    method = at(build(name, **({"queue": 40} if name in QUEUED else {})), 0.5)
    if world > 1:
        GlooBatchNorm().apply(method)
    losses = []
    for seed in range(3):
        share = slice(rank * 16 // world, (rank + 1) * 16 // world)
        loss = method.loss(shared(views, seed, share, second=name == "range_loss"))
        method.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in method.parameters():
                if world > 1:
                    torch.distributed.all_reduce(parameter.grad)
                parameter.sub_(0.1 * parameter.grad / world)
        losses.append(loss.item())
    return losses, {k: v for k, v in method.state_dict().items() if "tracked" not in k}


def test_two_processes_do_what_one_does(tmp_path):
    """Equal queues, keys and weights on both, and those of one process with the whole batch."""
    start_processes(worker, (str(tmp_path),), nprocs=2, start_method="fork")
    two = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for name, views in VIEWS.items():
        losses, state = steps(name, views)
        (first, mine), (second, theirs) = two[0][name], two[1][name]
        for key, value in state.items():
            assert torch.equal(mine[key], theirs[key]), (name, key)
            said = f"{name}, {key}"
            torch.testing.assert_close(mine[key], value, rtol=1e-9, atol=1e-12, msg=said)
        # The queues' losses are of all processes; of others the cross-entropies are of the halves.
        assert (np.add(first, second) / 2).tolist() == pytest.approx(losses, rel=1e-9), name
        if name in QUEUED:
            assert first == second
            order = [i % 7 for i in range(16)] * 3
            assert mine["queue.target"].tolist() == order[40:] + order[8:40]


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("name", ["proco", "metric_two_stage", "sam", "imbsam"])
def test_two_processes_through_the_runner(name, tmp_path):
    budget = Budget(epochs=5, batch_size=64, lr=0.05, precision="64-true")
    terms = Terms(
        data="phantom@natural", data_params={"count": 400}, image_size=(16, 16), budget=budget
    )
    one, two = (
        supervised.train(
            Cell(method=name, terms=terms, seed=0),
            run.prepared(terms),
            tmp_path / str(devices),
            devices,
            len,  # tells nobody
        )
        for devices in (1, 2)
    )
    for first, second in zip(one.stages, two.stages, strict=True):
        for mine, theirs in zip(first.history, second.history, strict=True):
            for name in ("train/loss", "val/macro_auc"):
                assert mine[name] == pytest.approx(theirs[name], abs=1e-6)
    # The parent of two processes keeps them, also between stages, in float32.
    for key, value in one.method.state_dict().items():
        torch.testing.assert_close(
            two.method.state_dict()[key],
            value.to(two.method.state_dict()[key].dtype),
            rtol=1e-5,
            atol=1e-6,
        )
