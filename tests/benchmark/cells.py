"""Small cells on phantom, and a driver that runs them quietly."""

from rich.console import Console

from medtail.benchmark.execution import driver
from medtail.benchmark.execution.launch import inline
from medtail.benchmark.grid.cell import Budget, Cell, Terms

QUICK = Budget(epochs=2, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05)


def terms(**changes):
    values = {"data": "phantom@natural", "data_params": {"count": 400}, "image_size": (16, 16)}
    return Terms(**({"budget": QUICK} | values | changes))


def cell(method="erm", seed=0, params=None, **changes):
    return Cell(method=method, seed=seed, params=params or {}, terms=terms(**changes))


def bench(cells, store, launcher=inline.launch):
    console = Console(file=open("/dev/null", "w"), force_terminal=False)  # noqa: PTH123, SIM115
    missing = [c for c in cells if not store.done(c)]
    with store.owned():
        return missing, driver.run_missing(missing, store, launcher, 1, "disabled", console)
