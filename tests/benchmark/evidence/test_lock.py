"""Who writes into a folder of leaderboards waits for who does, and says so."""

import threading

import pytest
from filelock import FileLock

from medtail.benchmark.evidence import lock


def test_a_wait_is_told_and_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(lock, "SILENT", 0.05)
    other = FileLock(tmp_path / "boards/.lock", thread_local=False)
    (tmp_path / "boards").mkdir()
    other.acquire()
    order = []
    ending = threading.Timer(0.5, lambda: (order.append("released"), other.release()))
    ending.start()
    with lock.locked(tmp_path / "boards"):
        assert order == ["released"]
        assert "boards: another medtail writes into it; waiting" in caplog.text
    ending.join()


def test_it_is_exclusive_free_afterwards_and_silent_where_nobody_waits(tmp_path, caplog):
    with lock.locked(tmp_path / "deep/boards"):
        again = FileLock(tmp_path / "deep/boards/.lock")
        with pytest.raises(lock.Timeout):
            again.acquire(timeout=0.05)
    again.acquire(timeout=0.05)
    again.release()
    assert not caplog.text
