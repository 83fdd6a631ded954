"""Predictions: exact round trips, one rounding, readable refusals."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.long_tail import auc_and_ap
from medtail.datamodules.core.errors import MedtailError


def made(logits, ids=None):
    n = len(logits)
    ids = np.array(ids or [f"s{i}" for i in range(n)], dtype=np.str_)
    return Predictions.of(ids, ids, np.arange(n) % logits.shape[1], logits)


def same(one, two):
    for name in ("id", "group", "target", "logits"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), strict=True)


@given(arrays(np.float32, (5, 3), elements=st.floats(-1e6, 1e6, width=32)))
@settings(max_examples=30, deadline=None)
def test_survives_a_table_exactly(logits):
    one = made(logits)
    same(one, Predictions.from_table(one.table()))
    assert np.isfinite(one.logits).all()
    np.testing.assert_allclose(one.probabilities.sum(1), 1)


def test_survives_a_file_exactly(tmp_path):
    one = made(np.random.default_rng(0).normal(size=(50, 7)), [f"Bild ä{i}" for i in range(50)])
    one.write(tmp_path / "deep" / "p.parquet")
    two = Predictions.read(tmp_path / "deep" / "p.parquet")
    same(one, two)
    assert one.digest == two.digest
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["p.parquet"]


def test_rounding_happens_once():
    one = made(np.random.default_rng(0).normal(size=(50, 4)))
    again = Predictions.from_table(Predictions.from_table(one.table()).table())
    same(one, again)


def test_a_constant_added_to_a_sample_changes_nothing():
    logits = np.random.default_rng(0).normal(size=(50, 4))
    same(made(logits), made(logits + 64 * np.arange(50)[:, None]))


@pytest.mark.parametrize("seed", range(5))
def test_float16_moves_the_auc_by_less_than_a_thousandth(seed):
    rng = np.random.default_rng(seed)
    target = rng.choice(7, 2000, p=[0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02])
    logits = 3 * rng.normal(size=(2000, 7)) + 3 * np.eye(7)[target]
    exact = np.exp(logits - logits.max(1, keepdims=True))
    exact /= exact.sum(1, keepdims=True)
    stored = made(logits).probabilities
    assert np.abs(stored - exact).max() < 2e-3
    for k in range(7):
        one, two = (auc_and_ap(p[:, k], target == k, np.ones(2000))[0] for p in (exact, stored))
        assert abs(one - two) < 1e-3


def test_digest_sees_every_part_that_is_scored():
    one = made(np.eye(3))
    others = [
        made(np.eye(3) * 1.01),
        made(np.eye(3), ["a", "b", "c"]),
        Predictions(one.id, one.group, one.target[::-1].copy(), one.logits),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 4


def test_what_is_not_finite_is_named():
    logits = np.zeros((4, 2))
    logits[2, 1] = np.nan
    with pytest.raises(MedtailError, match=r"1 of 4 samples .* first is 's2'"):
        made(logits)
    with pytest.raises(MedtailError, match="3 ids, 3 groups, 2 targets, 3 logits"):
        Predictions.of(np.array(["a"] * 3), np.array(["a"] * 3), np.zeros(2, int), np.zeros((3, 2)))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "p.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(MedtailError, match=r"p\.parquet: no readable predictions"):
        Predictions.read(tmp_path / "p.parquet")
    with pytest.raises(MedtailError, match="absent"):
        Predictions.read(tmp_path / "absent.parquet")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MedtailError, match=r"no readable predictions \(a folder\)"):
        Predictions.read(tmp_path / "folder")
    with pytest.raises(MedtailError, match=r"no readable predictions \((?!a folder)"):
        Predictions.read(tmp_path / "p.parquet")


def test_nothing_is_replaced_by_what_reads_otherwise(tmp_path, monkeypatch):
    path, old, new = tmp_path / "p.parquet", made(np.eye(3)), made(np.eye(3) * 2)
    old.write(path)
    other = made(np.eye(3) * 3, ["c", "b", "a"]).table()
    monkeypatch.setattr(Predictions, "table", lambda _: other)
    with pytest.raises(MedtailError, match=r"p\.parquet: what was written cannot be read back"):
        new.write(path)
    monkeypatch.undo()
    assert Predictions.read(path).digest == old.digest
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]


def test_lists_of_another_arrow_type_are_the_same_predictions():
    one = made(np.eye(3))
    table = one.table()
    plain = table.set_column(
        table.schema.get_field_index("logits"),
        "logits",
        table["logits"].cast(pa.list_(pa.float16())),
    )
    one.same(Predictions.from_table(plain), Path("p"))
    with pytest.raises(ValueError, match="different lengths"):
        Predictions.from_table(
            pa.concat_tables([plain, made(np.eye(4)).table()], promote_options="permissive")
        )
