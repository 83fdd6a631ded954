"""Cells that hang or die, one way or another: each is a failed cell with its reason, no more."""

import os

import pytest

from tests.faults import kit, plugin

pytestmark = pytest.mark.faults
LIMIT = "ran longer than its limit of 15 s: raise time_limit, or mend what hangs"

DIVERGED = "training diverged: the loss is nan in epoch "


def bench(folder, *words, suite, seconds=200):
    found = plugin.install(folder)
    (folder / "faulty.yaml").write_text(suite)
    words = ("bench", "faulty.yaml", "--wandb", "disabled", *words)
    process = kit.start(folder, *words, **found)
    run = kit.ended(process, folder, seconds)
    assert not kit.alive(process.pid), "no process is left"
    return run


def reasons(run):
    """Of failed cells, by their fault, from the lines that tell of them as they end."""
    lines = [line.partition("✗ faulty(fault=")[2] for line in run.out.splitlines() if "[" in line]
    pairs = [line.partition(")")[::2] for line in lines if line]
    return {fault: rest.partition(", seed 0: ")[2] for fault, rest in pairs}


@pytest.mark.parametrize("launcher", ["processes", "ray"])
def test_what_hangs_or_dies_is_a_failed_cell_and_the_rest_runs(tmp_path, launcher):
    faults = ("hang", "hang_in_c", "segfault", "exit", "exit_at_once")
    suite = plugin.suite(*faults, more="time_limit: 15 s")
    run = bench(tmp_path, "--launcher", launcher, "--workers", "2", suite=suite)
    assert run.status == 1, run.out
    found = reasons(run)
    assert found["hang"] == found["hang_in_c"] == LIMIT
    assert found["exit"] == "SystemExit: 0"
    assert set(found) == set(faults)
    assert "✓ tau_norm" in run.out
    (trace,) = tmp_path.glob("runs/cells/*/faulty-fault-hang_in_c-*/traceback.txt")
    assert "in hang_in_c" in trace.read_text(), "it says where"
    if launcher == "processes":
        assert found["segfault"] == "its process died (signal SIGSEGV)"
        assert found["exit_at_once"] == "its process died (exit status 3)"


def test_what_hangs_or_exits_inline_is_a_failed_cell_and_the_rest_runs(tmp_path):
    suite = plugin.suite("hang", "exit", "nan", more="time_limit: 15 s")
    run = bench(tmp_path, "--launcher", "inline", suite=suite)
    assert run.status == 1, run.out
    found = reasons(run)
    assert found.pop("nan").startswith(DIVERGED)
    assert found == {"hang": LIMIT, "exit": "SystemExit: 0"}
    assert "✓ tau_norm" in run.out


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two ranks need two cores")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise", "RuntimeError: rank 1 gives up"),
        ("exit_at_once", "its process died (exit status 3)"),
        ("killed", "its process died (signal SIGKILL): the system may be out of memory"),
        ("nan", DIVERGED),
        ("hang", "ran longer than its limit of 1 min: raise time_limit, or mend what hangs"),
    ],
)
def test_a_rank_that_fails_or_hangs_ends_all_and_its_reason_is_told(tmp_path, fault, reason):
    suite = plugin.suite(fault, where=1, more="time_limit: 60 s")
    words = ("--launcher", "inline", "--devices", "2", "--method", "faulty")
    run = bench(tmp_path, *words, suite=suite)
    assert run.status == 1, run.out
    ((named, told),) = reasons(run).items()
    assert named == f"{fault}, where=1"
    assert told.startswith(reason) if fault == "nan" else told == reason
    assert len(run.out.splitlines()) < 25, "and no traceback of another"
