"""The reason of a failed cell: one line, in words, without the folders of this machine."""

import errno
import os

import pytest

from medtail.benchmark.execution.failure import failed
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "stage.pt")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such head\nand more"), "ValueError: no such head"),
        (MedtailError("a line"), "a line"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyError(), "KeyError"),
    ],
)
def test_it_is_the_first_line_with_its_kind_unless_it_is_ours(error, reason):
    assert failed(cell(), error).record.reason == reason


def test_what_a_disk_refuses_is_said_as_everywhere():
    outcome = failed(cell(), FULL)
    assert outcome.record.reason.startswith("stage.pt: no space left (what is there is kept")
    assert "OSError" in outcome.traceback


def test_it_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = failed(cell(), MedtailError(f"{tmp_path}/runs/stages/erm.pt: damaged"))
    assert outcome.record.reason == "./runs/stages/erm.pt: damaged"
