"""Nothing is published that cannot be read back."""

import numpy as np
import pytest

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.evidence import parts
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.grid.cell import Terms
from medtail.datamodules.core.errors import MedtailError
from tests.boards import board, done, files


def of_two_classes():
    """A finished cell on another table under the same name, as two files of ``image_table`` are."""
    terms = Terms(data="fake@natural", data_params={"file": "other.csv"})
    record, _ = done(terms=terms)
    id, target = np.array([f"o{i}" for i in range(8)]), np.arange(8) % 2
    scores = Predictions.of(id, id, target, np.eye(2)[target])
    metrics = {"balanced_accuracy": 1.0, "recall": [1.0, 1.0]}
    values = {"class_names": ("a", "b"), "class_counts": (9, 9), "support": (4, 4)}
    values |= {"metrics": metrics, "balanced": metrics, "predictions": scores.digest}
    return record.model_copy(update=values), scores


def test_tables_of_several_numbers_of_classes_share_a_board(tmp_path):
    finished = [done(), done("ldam"), of_two_classes()]
    board(tmp_path, finished)
    stored = leaderboard.read_predictions(tmp_path, "fake@natural")
    for record, scores in finished:
        assert stored[record.cell_id].digest == scores.digest
    assert stored[finished[2][0].cell_id].logits.shape == (8, 2)
    before = files(tmp_path)
    board(tmp_path, [done("crt")])
    leaderboard.publish(tmp_path, [])
    assert leaderboard.read_predictions(tmp_path, "fake@natural").keys() > stored.keys()
    assert files(tmp_path).keys() == before.keys()


def test_predictions_that_read_otherwise_replace_nothing(tmp_path, monkeypatch):
    leaderboard.publish(tmp_path, [done()])
    before = files(tmp_path)
    real = parts._read
    monkeypatch.setattr(parts, "_read", lambda path: dict(list(real(path).items())[:1]))
    with pytest.raises(MedtailError, match=r"fake@natural\.parquet: what was written cannot be"):
        leaderboard.publish(tmp_path, [done("ldam")])
    assert files(tmp_path) == before


def test_a_record_that_reads_otherwise_replaces_nothing(tmp_path):
    leaderboard.publish(tmp_path, [done()])
    before = files(tmp_path)
    bad, scores = done("ldam")
    bad = bad.model_copy(update={"support": ("x",)})
    with pytest.raises(MedtailError, match=r"ldam on fake@natural.*support"):
        leaderboard.publish(tmp_path, [done("crt"), (bad, scores)])
    assert files(tmp_path) == before
