"""The patient of DICOM files is the default group, and never named."""

import pickle

import numpy as np
import pytest

from medtail.datamodules.core.card import card
from tests.datamodules.core.own.files import dataset, label, pixels, table

dicoms = pytest.importorskip("tests.datamodules.core.pixels.dicoms", reason="needs pydicom")


@pytest.fixture
def said(tmp_path):
    rows = [(f"{n:03d}.dcm", label(n)) for n in range(40)]
    table(tmp_path / "skin", rows, images=False)
    for n, (name, _) in enumerate(rows):
        patient = {"PatientID": "" if n >= 36 else f"PAT-{n // 4}"}
        image = pixels(1, 16, 16, seed=n)[0].astype(np.uint16) * 16
        dicoms.write_dicom(tmp_path / "skin" / name, image, bits=12, **patient)
    return {"source": "t.csv", "window": "[0, 4095]", "channels": "1"}


def test_patients_are_the_groups(tmp_path, said):
    module = dataset(tmp_path, said)
    text = card(module)
    assert "- group: PatientID of the DICOM files" in text
    groups = module.table.group
    assert len(set(groups[:36])) == 9
    assert len(set(groups)) == 9 + 4  # who has no PatientID stands alone
    assert all(len(set(groups[k : k + 4])) == 1 for k in range(0, 36, 4))
    assert "PAT-" not in text
    assert b"PAT-" not in pickle.dumps(module)


def test_what_the_owner_says_comes_first(tmp_path, said):
    alone = dataset(tmp_path, {**said, "no_group": "true"})
    assert "none, as its owner says" in card(alone)
    assert alone.table.group is None
    rows = [(f"{n:03d}.dcm", label(n), f"l{n // 2}") for n in range(40)]
    table(tmp_path / "skin", rows, ("image", "label", "lesion"), images=False)
    module = dataset(tmp_path, {**said, "group": "lesion"})
    module.prepare()
    assert len(set(module.table.group)) == 20
