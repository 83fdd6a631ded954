"""A signal at any moment: one line or nothing, its exit status, and nothing that is left behind."""

import signal
import time

import pytest

from tests.faults import kit, plugin

pytestmark = pytest.mark.faults
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
FOREVER = """methods: [erm]
image_size: 16
data:
  - {name: phantom@natural, params: {count: 400}, budget: {epochs: 1, lr: 0.01}}
  - {name: phantom@lt10, params: {count: 400}, budget: {epochs: 50000, lr: 0.01}}
"""


def wait_for(process, found):
    late = time.monotonic() + 150
    while not found():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < late
        time.sleep(0.1)


def forever(folder, *words):
    """A run whose first cell is done and whose second has trained for an epoch."""
    kit.tiny(folder, FOREVER)
    process = kit.start(folder, "bench", "tiny.yaml", "--wandb", "disabled", *words)
    notes = folder / "runs/progress"

    def trains():
        texts = [kit.text(path) for path in notes.glob("*")]
        return any("lt10" in text and "epoch" in text for text in texts)

    wait_for(process, trains)
    return process


@pytest.mark.parametrize("number", STATUS)
@pytest.mark.parametrize("after", [0.3, 1.5, 4.0])
def test_a_signal_during_imports_or_planning_is_one_line(tmp_path, number, after):
    process = kit.start(tmp_path, "bench", kit.tiny(tmp_path), "--dry-run")
    time.sleep(after)
    process.send_signal(number)
    run = kit.ended(process, tmp_path)
    if run.status != 0:  # a quick machine has planned by now
        assert run.status == STATUS[number], run.out
        assert run.out.splitlines()[-1:] == ["medtail: interrupted"]
        assert "Traceback" not in run.out


@pytest.mark.parametrize("number", STATUS)
def test_a_signal_while_boards_are_written_is_one_line(tmp_path, equal, number):
    words = ("bench", kit.tiny(tmp_path), "--launcher", "inline", "--wandb", "disabled")
    process = kit.start(tmp_path, *words, fault="pause 60 phantom@natural.md$")
    wait_for(process, (tmp_path / "fired").exists)
    process.send_signal(number)
    run = kit.ended(process, tmp_path)
    assert run.status == STATUS[number], run.out
    assert run.out.splitlines()[-1] == "medtail: interrupted"
    assert "Traceback" not in run.out
    assert kit.bench(tmp_path).status == 0
    equal(tmp_path)


@pytest.mark.parametrize("launcher", ["inline", "processes", "ray"])
def test_two_interrupts_leave_nothing_behind(tmp_path, launcher):
    process = forever(tmp_path, "--launcher", launcher, "--workers", "1")
    for _ in range(2):
        kit.signal_all(process, signal.SIGINT)
        time.sleep(0.5)
    run = kit.ended(process, tmp_path)
    assert run.status == STATUS[signal.SIGINT], run.out
    assert "Traceback" not in run.out
    assert not kit.alive(process.pid)
    assert not list((tmp_path / "runs/stages").glob(".fit-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "words", [("--launcher", "ray", "--workers", "1"), ("--launcher", "inline", "--devices", "2")]
)
def test_a_signal_under_ray_and_among_ranks(tmp_path, number, words):
    process = forever(tmp_path, *words)
    process.send_signal(number)
    run = kit.ended(process, tmp_path)
    assert run.status == STATUS[number], run.out
    assert "interrupted: 1 of 2 cells are done and kept" in run.out
    assert "Traceback" not in run.out
    assert not kit.alive(process.pid)
    assert not list((tmp_path / "runs/stages").glob(".fit-*"))
    assert (tmp_path / "runs/leaderboards/phantom@natural.md").exists()


def test_a_method_that_hangs_answers_an_interrupt(tmp_path):
    found = plugin.install(tmp_path)
    (tmp_path / "faulty.yaml").write_text(plugin.suite("hang"))
    process = kit.start(tmp_path, "bench", "faulty.yaml", "--workers", "2", **found)
    wait_for(process, lambda: list(tmp_path.glob("runs/cells/*/tau_norm*/record.json")))
    kit.signal_all(process, signal.SIGINT)
    run = kit.ended(process, tmp_path)
    assert run.status == STATUS[signal.SIGINT], run.out
    assert "interrupted: 1 of 2 cells" in run.out
    assert not kit.alive(process.pid)
