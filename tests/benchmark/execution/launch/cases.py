"""What every launcher must do, and notes of progress by which a test reaches into a worker."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.networks.description import WEIGHTS, digest_of
from medtail.benchmark.tracks import checkpoints
from tests.benchmark.cells import bench, cell


def gives_the_numbers_of_inline(launcher, store, tmp_path):
    cells = [cell("erm"), cell("focal"), cell("erm", params={"no_such": 1})]
    _, failures = bench(cells, store, launcher)
    assert len(failures) == 1
    assert "no_such" in failures[0]
    alone = Store(tmp_path / "alone")
    bench(cells[:2], alone)
    for one in cells[:2]:
        mine, theirs = store.read(one), alone.read(one)
        assert mine.predictions == theirs.predictions
        assert mine.network == digest_of(store.folder(one) / WEIGHTS), "and handed its network over"


def reason_of_a_dead_one(store, launcher, how, **changes):
    """One cell whose process dies or hangs, and others, which go on; why it failed."""
    doomed = replace(store.job(cell("focal"), 1), progress=Deadly(how), **changes)
    jobs = [doomed, store.job(cell("ncm"), 1), store.job(cell("erm"), 1)]
    records = {o.record.cell.method: o.record for o in launcher(jobs)}
    assert records["focal"].status == "failed"
    assert records["ncm"].status == records["erm"].status == "ok"
    return records["focal"].reason


class Deadly:
    """A progress note that ends the process that writes it, or hangs there."""

    def __init__(self, how):
        self.how = how

    @property
    def parent(self):
        if self.how == "exit":
            sys.exit(3)
        if self.how == "exit at once":
            os._exit(0)
        if self.how == "hang":
            time.sleep(1000)
        os.kill(os.getpid(), self.how)

    def unlink(self, missing_ok):
        pass


class Diary(type(Path())):
    """A progress note that keeps all its lines, in a worker that writes every checkpoint.

    Its epochs take a second at least, so that a batch system can end them half-way.
    """

    def __reduce__(self):
        return open_diary, (str(self),)

    def write_text(self, text, encoding):
        with self.open("a") as file:
            file.write(f"{text}\n")
        time.sleep(1)

    def unlink(self, missing_ok=False):
        pass

    @property
    def lines(self):
        told = self.read_text().splitlines() if self.exists() else []
        return [line.rpartition(": ")[2] for line in told]


def open_diary(path):
    checkpoints.EVERY = 0.0
    return Diary(path)


def predictions_inline(cells, folder):
    """What one process predicts, from the start."""
    store = Store(folder)
    return [worker.run(store.job(one, 1)).record.predictions for one in cells]


def with_diary(job, folder):
    return replace(job, progress=Diary(folder / f"{job.cell.id}.diary"))
