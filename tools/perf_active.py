"""Selection by submodular mutual information: our engine beside submodlib's best safe optimiser.

The vectors are made like those of a learner with 7 classes and 96 features. Both engines get the
same problem and compute their kernels themselves; times are CPU seconds of one thread, in turn.
Their picks must be equal up to ties, and so must the value of the function.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import get_args

import torch
from rich.console import Console
from rich.table import Table

from medtail.methods.core.submodular import library, search
from medtail.methods.core.submodular.information import faster
from medtail.methods.core.submodular.problem import Function, Greedy, Problem
from medtail.methods.core.submodular.similarity import gradient_factors, unit

CLASSES, FEATURES, QUERIES = 7, 96, 30
LEAST_LOGDETMI, MOST_MIB = 10, 2048
PAIRWISE = ("flvmi", "facility_location", "logdetmi")  # submodlib needs pool x pool floats
NOISE = 0.9  # small times differ by so much between two runs of one engine


def problem(function: Function, pool: int, seed: int = 0) -> Problem:
    """A made-up pool, and query images of three classes."""
    draw = torch.Generator().manual_seed(seed)

    def vectors(amount: int, target: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        logits = 2 * torch.randn(amount, CLASSES, generator=draw)
        features = torch.randn(amount, FEATURES, generator=draw).relu()
        return unit(gradient_factors(logits, features, target))

    rare = torch.randint(CLASSES - 3, CLASSES, (QUERIES,), generator=draw)
    return Problem(function, vectors(pool), vectors(QUERIES, rare))


def timed(side: Callable[[], Greedy]) -> tuple[float, Greedy]:
    """CPU seconds and the answer."""
    started = time.process_time()
    answer = side()
    return time.process_time() - started, answer


def assert_equal(made: Problem, ours: Greedy, theirs: Greedy) -> int:
    """Number of equal picks: all, but where images of the pool that cover each other tie.

    Raises:
        SystemExit: the picks, or the values of the function, differ.
    """
    values = [sum(gains) for _, gains in (ours, theirs)]
    equal = len(set(ours[0]) & set(theirs[0]))
    ties = made.function in ("flvmi", "facility_location")
    if abs(values[0] - values[1]) > 1e-4 * abs(values[0]) or (equal < len(ours[0]) and not ties):
        raise SystemExit(f"{made.function}: the engines' answers differ")
    return equal


def measure(function: Function, pool: int, budget: int) -> tuple[list[str], float]:
    """A row of the table, and submodlib's time over that of the engine that ``auto`` takes."""
    made = problem(function, pool)
    ours, theirs = [], []
    while not ours or (len(ours) < 9 and sum(ours) + sum(theirs) < 2):
        seconds, mine = timed(lambda: search.maximise(made, budget))
        ours.append(seconds)
        seconds, others = timed(lambda: library.maximise(made, budget))
        theirs.append(seconds)
    equal = assert_equal(made, mine, others)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    times = [f"{1000 * min(side):.1f}" for side in (ours, theirs)]
    auto = faster(made, budget)
    row = [function, f"{pool}", f"{budget}", *times, f"{ratio:.1f}", auto, f"{equal}"]
    return row, ratio if auto == "vectorised" else 1.0


def memory(function: Function, pool: int, budget: int) -> tuple[float, float]:
    """Seconds, and peak memory (MiB) of a process that does nothing but select."""
    command = [sys.executable, __file__, "--only", function, str(pool), str(budget)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def tables(console: Console, long: bool = False) -> bool:
    """Print the tables; whether all aims are met.

    Args:
        console: to print on.
        long: also where submodlib takes minutes and 8 GiB.
    """
    table = Table("", "pool", "budget", "ours, ms", "submodlib, ms", "ratio", "auto", "equal picks")
    met = True
    library.maximise(problem("flqmi", 50), 5)  # its import is not measured
    for pool in (2000, 10000):
        for function in get_args(Function):
            for budget in (100, 500):
                if pool > 2000 and function in PAIRWISE and not long:
                    continue
                row, ratio = measure(function, pool, budget)
                least = LEAST_LOGDETMI if (function, budget) == ("logdetmi", 500) else NOISE
                met &= ratio >= least
                table.add_row(*row)
    console.print(table)
    for name in ("flvmi", "facility_location", "logdetmi"):
        seconds, peak = memory(name, 10000, 500)
        met &= peak < MOST_MIB
        console.print(
            f"{name}, pool 10000, budget 500, ours: {seconds:.1f} s, peak memory {peak:.0f} MiB "
            f"(aim: under {MOST_MIB})"
        )
    return met


def main() -> None:
    """Print the tables; exit with 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="submodlib at a pool of 10,000, too")
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.only:
        function, pool, budget = arguments.only
        made = problem(function, int(pool))
        seconds, _ = timed(lambda: search.maximise(made, int(budget)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        sys.stdout.write(f"{seconds} {peak}\n")
        return
    if not tables(Console(), arguments.long):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
