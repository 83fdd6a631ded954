"""Who writes into a folder of leaderboards waits for who does, and says so."""

import threading
import time

import pytest
from filelock import FileLock

from medtail.benchmark.evidence import lock


def test_a_wait_is_told_and_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(lock, "SILENT", 0.05)
    order, (held, asked) = [], (threading.Event(), threading.Event())

    def hold():
        (tmp_path / "boards").mkdir()
        with FileLock(tmp_path / "boards/.lock"):
            held.set()
            asked.wait(10)
            time.sleep(0.3)
            order.append("released")

    other = threading.Thread(target=hold)
    other.start()
    held.wait(10)
    asked.set()
    with lock.locked(tmp_path / "boards"):
        assert order == ["released"]
        assert "boards: another medtail writes into it; waiting" in caplog.text
    other.join()


def test_it_is_exclusive_free_afterwards_and_silent_where_nobody_waits(tmp_path, caplog):
    with lock.locked(tmp_path / "deep/boards"):
        again = FileLock(tmp_path / "deep/boards/.lock")
        with pytest.raises(lock.Timeout):
            again.acquire(timeout=0.05)
    again.acquire(timeout=0.05)
    again.release()
    assert not caplog.text
