"""Published predictions: a file whose rows lie in any order gives each cell its own."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtail.benchmark.cli import options
from medtail.benchmark.evidence import published, shipped
from medtail.benchmark.evidence.published import read_predictions
from medtail.datamodules.core.errors import MedtailError
from tests.boards import predictions


def stored(folder, rows=None, nobody=False):
    """Predictions of three cells of unequal length in one file, its rows in some order."""
    mine = {name: predictions(name, n=n) for name, n in (("b", 9), ("a", 12), ("c", 6))}
    tables = [
        p.table().append_column("cell_id", pa.array([name] * len(p.id))) for name, p in mine.items()
    ]
    table = pa.concat_tables(tables)
    if nobody:
        place = table.column_names.index("cell_id")
        table = table.set_column(
            place, "cell_id", pa.array([None, *table["cell_id"].to_pylist()[1:]])
        )
    (folder / "predictions").mkdir()
    pq.write_table(
        table.take(rows(len(table))) if rows else table, folder / "predictions/x@y.parquet"
    )
    return mine


def mixed(amount):
    """Rows of all cells in turn, those of each in their order."""
    return np.lexsort((np.arange(amount), np.concatenate([np.arange(n) for n in (9, 12, 6)])))


@pytest.mark.parametrize("rows", [None, mixed])
def test_each_cell_gets_its_rows_in_their_order(tmp_path, rows):
    mine = stored(tmp_path, rows)
    found = read_predictions(tmp_path, "x@y")
    assert {name: p.digest for name, p in found.items()} == {n: p.digest for n, p in mine.items()}
    assert list(found["a"].group) == list(mine["a"].group)


def test_rows_of_no_cell_are_one_line(tmp_path):
    stored(tmp_path, nobody=True)
    with pytest.raises(MedtailError, match=r"no readable predictions .rows of no cell") as error:
        read_predictions(tmp_path, "x@y")
    assert "\n" not in str(error.value)


def test_predictions_of_the_boards_that_come_along_may_not_be_installed(tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    assert read_predictions(tmp_path, "x@y") == {}
    for module in (published, shipped):
        monkeypatch.setattr(module, "SHIPPED", tmp_path)
    with pytest.raises(MedtailError, match=r"x@y: .* install the wheel medtail-evidence, version"):
        read_predictions(tmp_path, "x@y")
    monkeypatch.chdir(tmp_path)
    assert options.published() is None, "nothing can be taken from records alone"
    stored(tmp_path)
    assert len(read_predictions(tmp_path, "x@y")) == 3
    assert read_predictions(tmp_path, "nothing@natural") == {}
    assert options.published() == tmp_path
