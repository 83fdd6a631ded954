"""Samples are kept beside predictions when these are published, without touching any identity."""

import numpy as np
import pytest

from medtail import datamodules
from medtail.benchmark.evidence import samples
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.execution.samples import keep
from medtail.benchmark.grid.cell import Terms
from medtail.datamodules.isic2018 import ISIC2018
from medtail.datamodules.phantom import Phantom
from tests.boards import done, few_shot

SMALL = Terms(data="phantom@natural", image_size=(8, 8), data_params={"count": 400})


def finished(terms=SMALL):
    module = datamodules.build(terms.data, terms.image_size, **terms.arguments)
    ids = module.load_table().id[:30]
    scores = Predictions.of(ids, ids, np.zeros(30, np.int64), np.zeros((30, 3)))
    return [(done("erm", terms=terms)[0], scores)]


def test_critical_classes_reach_the_boards_and_no_identity(tmp_path, monkeypatch):
    (told,) = keep(tmp_path, finished())
    assert told == "samples of phantom: critical classes for medtail decisions"
    assert samples.read(tmp_path, "phantom").critical == Phantom.critical
    before = finished()[0][0].cell.id
    monkeypatch.setattr(Phantom, "critical", ("phantom_mel",))
    assert finished()[0][0].cell.id == before
    keep(tmp_path, finished())
    assert samples.read(tmp_path, "phantom").critical == ("phantom_mel",)
    assert keep(tmp_path, finished()) == []


def test_only_samples_that_predictions_are_about(tmp_path, monkeypatch):
    def subgroups(self):
        return {"sex": ["male"] * len(self.table)}

    monkeypatch.setattr(Phantom, "subgroups", subgroups)
    keep(tmp_path, finished())
    found = samples.read(tmp_path, "phantom")
    assert set(found.id) == set(finished()[0][1].id.tolist())
    assert set(found.traits["sex"]) == {"male"}


def test_data_that_lies_elsewhere_leaves_what_is_known(tmp_path):
    known = samples.Samples(("a",), {"sex": ("male",)}, ("MEL",))
    samples.keep(tmp_path, "isic2018", known)
    (record, scores), terms = finished()[0], Terms(data="isic2018@natural")
    record = record.model_copy(update={"cell": record.cell.model_copy(update={"terms": terms})})
    (told,) = keep(tmp_path, [(record, scores)])
    assert told.startswith("samples of isic2018: ages, sexes, sites and critical classes stay")
    assert "\n" not in told
    assert samples.read(tmp_path, "isic2018") == known


def test_other_tracks_and_failures_keep_nothing(tmp_path):
    (_, scores), (record, _) = finished()[0], few_shot()
    assert keep(tmp_path, [(record, scores), (record, None)]) == []
    assert not (tmp_path / "samples").exists()


@pytest.mark.real
def test_real_ham10000(real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_DATA", str(real_data))
    module = datamodules.build("isic2018@natural")
    module.table = module.load_table()
    found = module.subgroups()
    by_id = dict(zip(module.table.id.tolist(), zip(*found.values(), strict=True), strict=True))
    # HAM10000_metadata.csv, its first line: age 80.0, male, scalp.
    assert by_id["ISIC_0027419"] == ("70 and above", "male", "scalp")
    assert list(found) == ["age", "sex", "site"]
    assert ISIC2018.critical == ("MEL", "BCC", "AKIEC")
    assert set(found["sex"]) == {"male", "female", ""}
