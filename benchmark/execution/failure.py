"""Cells that failed, and why: a line for boards, a traceback for who mends it."""

import traceback
from dataclasses import replace
from pathlib import Path

from medtail.datamodules.core.base import cache_root, data_root
from medtail.datamodules.core.disk import refusal
from medtail.datamodules.core.errors import MedtailError

from ..evidence.record import Record
from ..grid.cell import Cell
from . import limit
from .job import Job, Outcome


def _without_places(text: str, cell: Cell) -> str:
    """A reason without the folders of this machine, which are nobody's business on a board."""
    tables = [Path(value).parent for value in cell.terms.local.values() if isinstance(value, str)]
    names = {"<data>": (*tables, data_root()), "<cache>": (cache_root(),), ".": (Path.cwd(),)}
    for name, folders in names.items():
        for folder in folders:
            for known in (str(folder.resolve()), str(folder.absolute())):
                text = text.replace(known, name) if known != "/" else text
    return text


def failed(cell: Cell, error: BaseException) -> Outcome:
    """The outcome of a cell that raised."""
    trace = "".join(traceback.format_exception(error))
    error = refusal(error) or error
    name, text = type(error).__name__, (str(error).strip().splitlines() or [""])[0]
    known = isinstance(error, MedtailError)
    reason = _without_places(text if known and text else f"{name}: {text}".rstrip(": "), cell)
    record = Record(cell_id=cell.id, cell=cell, status="failed", reason=reason)
    return Outcome(record, traceback=trace)


def died(job: Job, error: BaseException) -> Outcome:
    """The outcome of a job whose process is gone: at its limit, or for the reason of ``error``."""
    job.progress.unlink(missing_ok=True)
    if told := limit.ended(job):
        late, trace = told
        return replace(failed(job.cell, late), traceback=trace)
    return failed(job.cell, error)
