"""Many cells: what is done is not run again, what failed is."""

from medtail import methods
from medtail.benchmark.execution import worker
from tests.benchmark.cells import bench, cell


def test_a_second_call_runs_only_what_is_missing(store):
    cells = [cell("tau_norm"), cell("ncm")]
    assert len(bench(cells[:1], store)[0]) == 1
    missing, failures = bench(cells, store)
    assert [c.method for c in missing] == ["ncm"]
    assert failures == []
    assert bench(cells, store)[0] == []


def test_a_failing_cell_is_recorded_and_tried_again(store, monkeypatch):
    broken = cell("focal")
    monkeypatch.setattr(methods.get("focal"), "loss", lambda self, batch: 1 / 0, raising=True)
    missing, failures = bench([broken, cell("ncm")], store)
    assert len(missing) == 2
    assert len(failures) == 1
    assert "focal" in failures[0]
    record = store.read(broken)
    assert record.status == "failed"
    assert record.reason == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in (store.folder(broken) / "traceback.txt").read_text()
    assert store.done(cell("ncm"))
    monkeypatch.undo()
    monkeypatch.setenv("MEDTAIL_CACHE", str(store.root / "cache"))
    worker.prepared.cache_clear()
    missing, failures = bench([broken, cell("ncm")], store)
    assert [c.method for c in missing] == ["focal"]
    assert failures == []
    assert store.done(broken)
    assert not (store.folder(broken) / "traceback.txt").exists()
