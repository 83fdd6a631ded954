"""Features of one's own: every image gets its own, and what is wrong with a file is one line."""

import numpy as np
import pyarrow as pa
import pytest

from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.features.own import OwnFeatures
from medtail.benchmark.features.standing_in import stand_in
from medtail.benchmark.grid.features import found
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import terms
from tests.benchmark.features.own import features_of, on_features, written


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    prepared.cache_clear()
    yield
    prepared.cache_clear()


def standing(cell):
    data = prepared(cell.terms)
    stand_in(cell.terms, data)
    return data


def test_each_image_gets_its_own_rows_in_their_order(tmp_path):
    path, vectors = features_of(tmp_path)
    data = standing(on_features("erm", path))
    assert np.array_equal(data.features.features, vectors)
    assert data.spec.features == vectors.shape[2]
    shuffled = np.random.default_rng(2).permutation(len(vectors))
    other = written(
        tmp_path / "other.parquet",
        data.table.id[shuffled],
        vectors[shuffled, 0].astype(np.float16),
        kind=pa.float16(),
    )
    again = standing(on_features("erm", other))
    assert np.array_equal(again.features.features[:, 0], vectors[:, 0].astype(np.float16))


def test_a_model_is_what_the_file_says_or_its_name(tmp_path):
    path = written(tmp_path / "a.b.parquet", ["x"], np.ones((1, 3)))
    assert found(str(path)).model == "a.b"
    path = written(tmp_path / "a.parquet", ["x", "x"], np.ones((2, 3)), model="UNI 2")
    assert (found(str(path)).model, found(str(path)).views) == ("UNI 2", 2)
    path = written(tmp_path / "a.parquet", ["x"], np.ones((1, 3)), model=b"\xffUNI")
    assert found(str(path)).model == "\N{REPLACEMENT CHARACTER}UNI", "no text, and no traceback"


def bad(tmp_path, ids=None, vectors=None):
    table = prepared(terms()).table
    ids = table.id if ids is None else ids
    vectors = np.ones((len(ids), 3)) if vectors is None else vectors
    return written(tmp_path / "mine.parquet", ids, vectors)


def refused(path):
    with pytest.raises(MedtailError) as caught:
        standing(on_features("erm", path)).features.ensure()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_without_features_are_one_line(tmp_path):
    ids = prepared(terms()).table.id
    told = refused(bad(tmp_path, ids[1:]))
    assert "features mine: 1 of 400 images of phantom have none" in told
    assert ids[0] in told
    assert "medtail data export phantom" in told


def test_no_number_and_several_lengths_are_one_line(tmp_path):
    ids = prepared(terms()).table.id
    vectors = np.ones((len(ids), 3))
    vectors[7, 1] = np.nan
    assert f"a feature of {ids[7]} is no finite number" in refused(bad(tmp_path, ids, vectors))
    uneven = [[1.0, 2.0]] + [[1.0, 2.0, 3.0]] * (len(ids) - 1)
    assert "vectors of 2, 3 numbers" in refused(bad(tmp_path, ids, uneven))
    uneven[0] = None
    assert "vectors of " in refused(bad(tmp_path, ids, uneven))


def test_what_is_no_such_file_is_one_line(tmp_path):
    (tmp_path / "text.parquet").write_text("nothing")
    pa.parquet.write_table(pa.table({"id": ["a"]}), tmp_path / "short.parquet")
    uneven = written(tmp_path / "uneven.parquet", ["a", "a", "b"], np.ones((3, 2)))
    for path, words in (
        (tmp_path / "none.parquet", "no such file"),
        (tmp_path / "text.parquet", "cannot be read"),
        (tmp_path / "short.parquet", "no column 'vector'"),
        (uneven, "some ids have 1 rows, others 2"),
    ):
        with pytest.raises(MedtailError, match=words):
            found(str(path))


def test_a_file_that_changed_since_it_was_named_is_refused(tmp_path):
    path = bad(tmp_path)
    cell = on_features("erm", path)
    written(path, prepared(terms()).table.id, np.zeros((400, 3)))
    with pytest.raises(MedtailError, match="changed since it was named"):
        OwnFeatures(cell.terms, prepared(terms()))
