"""A cross-validation through the driver."""

from tests.benchmark.cells import bench, cell


def test_a_bench_of_folds_ends_in_one_row_and_runs_nothing_twice(store):
    cells = [cell("erm", 0, folds=2, fold=n, selection="last") for n in (1, 2)]
    bench(cells[:1], store)
    records, _ = store.evidence(cells)
    assert [r.cell.terms.fold for r, _ in records] == [1]
    assert bench(cells, store)[0] == cells[1:]
    records, held = store.evidence(cells)
    assert [r.cell.terms.fold for r, _ in records] == [1, 2, 0]
    whole, test = records[-1]
    assert sum(whole.support) == len(set(test.id.tolist())) == 400, "all images of the data"
    assert whole.validation == held[whole.cell_id].digest
    assert bench(cells, store)[0] == []
