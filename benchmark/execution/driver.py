"""The driver: runs what is missing of a suite, keeps every outcome, shows how far it is."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..boards.columns import headline
from ..grid.cell import Cell
from .ending import undisturbed
from .job import Outcome
from .launch import Launcher
from .store import Store
from .tracking import Mode, mirror


def clock(seconds: float) -> str:
    """Seconds as ``1 h 02 min`` or ``3 min 20 s``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@dataclass
class Board:
    """The live table: done, running, failed, time left.

    Attributes:
        total: cells to run.
        store: says what the workers are at.
        done: cells that ended well.
        failures: lines on those that did not.
    """

    total: int
    store: Store
    done: int = 0
    failures: list[str] = field(default_factory=list)
    ended: deque[str] = field(default_factory=lambda: deque(maxlen=6))
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> str:
        """Time left, from the pace so far."""
        over = self.done + len(self.failures)
        if not over:
            return "measuring"
        return clock((time.monotonic() - self.started) / over * (self.total - over))

    def add(self, outcome: Outcome) -> str:
        """Count an outcome; returns its line."""
        record = outcome.record
        if record.status == "ok":
            self.done += 1
            took = clock(record.cost.seconds) if record.cost else "?"
            line = f"✓ {record.cell}: {headline(record)}, {took}"
        else:
            line = f"✗ {record.cell}: {record.reason}"
            self.failures.append(line)
        over = self.done + len(self.failures)
        self.ended.append(line)
        return f"[{over}/{self.total}, {self.left} left] {line}"

    def __rich__(self) -> RenderableType:
        running = self.store.running()
        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("done", "running", "failed", "waiting", "elapsed", "time left"):
            table.add_column(title)
        over = self.done + len(self.failures)
        table.add_row(
            f"{self.done} of {self.total}",
            str(len(running)),
            str(len(self.failures)),
            str(max(0, self.total - over - len(running))),
            clock(time.monotonic() - self.started),
            self.left if over < self.total else "none",
        )
        lines = [Text(line, style="red" if line.startswith("✗") else "") for line in self.ended]
        return Group(*lines, table, *(Text(f"  … {line}", style="dim") for line in running))


def run_missing(
    cells: Sequence[Cell],
    store: Store,
    launcher: Launcher,
    devices: int,
    wandb: Mode,
    console: Console,
    keep: str = "best",
    limit: float | None = None,
) -> list[str]:
    """Run cells that have no record of success, and keep every outcome as it comes.

    Args:
        cells: to run.
        store: where outcomes go; only this process writes them.
        launcher: where cells run.
        devices: processes or GPUs of one cell.
        wandb: what the mirror does.
        console: live table on a terminal, a line per cell elsewhere.
        keep: which networks stay, see ``medtail.benchmark.networks.keeping``.
        limit: seconds that a cell may take; None for a generous estimate.

    Returns:
        One line per failed cell.
    """
    if not cells:
        return []
    board = Board(len(cells), store)
    outcomes = launcher([store.job(cell, devices, keep != "none", limit) for cell in cells])
    with Live(
        board, console=console, refresh_per_second=2, transient=True, auto_refresh=True
    ) as live:
        if not console.is_terminal:
            live.stop()
        for outcome in outcomes:
            with undisturbed():
                store.write(outcome)
                if keep == "best":
                    store.weed(outcome.record.cell)
            line = board.add(outcome) + outcome.note
            if not console.is_terminal:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            try:
                mirror(outcome.record, store.root, wandb)
            except Exception as error:  # a mirror must never cost a result
                reason = " ".join(str(error).split())
                console.print(f"wandb is off for the rest: {reason}", markup=False)
                wandb = "disabled"
    return board.failures
