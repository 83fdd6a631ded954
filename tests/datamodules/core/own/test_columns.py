"""Columns that look like a group or a split: found by name and values, with few false alarms."""

import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.own.columns import (
    find,
    holds_several,
    like_a_group,
    like_a_split,
    obvious,
    same_name,
    words,
)

IDS = [f"x{n // 3}" for n in range(30)]
NUMBERS = [str(n // 3) for n in range(30)]
FOLDS = [str(n % 5) for n in range(30)]
PARTS = ["Train", "TEST", "val"] * 10


@pytest.mark.parametrize(
    "name",
    [
        "patient", "Patient ID", " patient_id", "PatientID", "patientid", "PATIENT_ID", "patients",
        "patient_hash", "patient number", "PatientName", "lesion", "lesion_id", "LesionId",
        "subject", "subject_id", "subjectID", "case", "case_id", "caseno", "study",
        "StudyInstanceUID", "SeriesInstanceUID", "study_id", "video", "video_id", "video_path",
        "pid", "mrn", "MRN", "participant_id", "group_id", "groups", "slide_id", "donor", "pt_id",
    ],
)  # fmt: skip
def test_groups_by_name(name):
    assert like_a_group(name, IDS)
    assert like_a_group(name, NUMBERS)
    assert not like_a_split(name, IDS)


@pytest.mark.parametrize(
    "name",
    [
        "patient_age", "Patient Age", "Patient Gender", "patient_sex", "PatientBirthDate",
        "lesion_type", "lesion_location", "lesion size", "case_notes", "study_date",
        "SeriesDescription", "subject_weight", "num_lesions", "n_patients", "lesion_count",
        "video_fps", "age_group", "blood_group", "age", "sex", "site", "scanner", "diagnosis",
        "image_id", "width", "view", "laterality", "severity", "impatient", "caseinous", "",
    ],
)  # fmt: skip
def test_what_says_something_else_is_no_group(name):
    assert not like_a_group(name, IDS)


@pytest.mark.parametrize(
    "values",
    [
        [str(n) for n in range(30)],  # a value for each image
        ["one"] * 30,
        ["0", "1"] * 15,
        ["Yes", "no"] * 15,
        ["left", "right"] * 15,
        [""] * 30,
        [f"{n // 3}.5" for n in range(30)],  # a measurement
    ],
)
def test_values_that_group_nothing(values):
    assert not like_a_group("lesion", values)


def test_splits_of_groups_are_no_groups():
    for name, values in (("lesion_split", FOLDS), ("split_lesion", PARTS), ("patients", PARTS)):
        assert like_a_split(name, values)
        assert not like_a_group(name, values)


def test_two_patients_are_a_group_and_floats_of_pandas_too():
    assert like_a_group("patient", ["ann", "bob"] * 15)
    assert like_a_group("patient", [f"{n // 3}.0" for n in range(30)])
    assert like_a_group("patient", ["", *IDS[1:]])


@pytest.mark.parametrize(
    "name", ["split", "Split", " split ", "fold", "Fold", "cv_fold", "kfold", "set", "subset",
             "Partition", "data_split"],
)  # fmt: skip
def test_splits_by_name(name):
    assert like_a_split(name, FOLDS)
    assert like_a_split(name, PARTS)
    assert not like_a_group(name, FOLDS)


@pytest.mark.parametrize("name", ["phase", "usage", "purpose", "stage", "Unnamed: 3"])
def test_splits_by_their_values_whatever_the_name(name):
    assert like_a_split(name, PARTS)
    assert like_a_split(name, ["Training", "PublicTest", "PrivateTest"] * 10)
    assert not like_a_split(name, ["arterial", "venous"] * 15)


@pytest.mark.parametrize("name", ["is_train", "test", "validation", "used_for_test", "isTest"])
def test_flags_of_a_split(name):
    assert like_a_split(name, ["0", "1"] * 15)
    assert like_a_split(name, ["True", "False"] * 15)
    assert not like_a_split(name, ["positive", "negative"] * 15)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("set", ["one"] * 30),
        ("split", ["train"] * 30),
        ("split_thickness", FOLDS),  # the width... is no attribute, but has no such values
        ("pcr_test", ["0", "1"] * 15),
        ("test_result", ["0", "1"] * 15),
        ("dataset", ["ham", "bcn"] * 15),
        ("fold", [str(n) for n in range(30)]),
        ("label", ["benign", "malignant"] * 15),
        ("tset", FOLDS),
    ],
)
def test_what_is_no_split(name, values):
    if name == "split_thickness":
        values = [f"{n}.5" for n in range(30)]
    assert not like_a_split(name, values)


def test_names_that_differ_by_case_and_spaces_are_one():
    assert words("StudyInstanceUID") == ["study", "instance", "uid"]
    assert same_name(" Patient-ID", "patient_id")
    assert same_name("patientId", "Patient id")
    assert not same_name("patient", "patient_id")
    assert find(["a", "Patient ID"], "patient_id", "t.csv") == "Patient ID"
    assert find(["label", "Label"], "label", "t.csv") == "label"
    with pytest.raises(DataError, match=r"t\.csv: no column 'x' \(there are a, b\)"):
        find(["a", "b"], "x", "t.csv")
    with pytest.raises(DataError, match=r"there are Label, LABEL"):
        find(["Label", "LABEL"], "label", "t.csv")
    assert obvious([" Split", "a"], "split") == " Split"
    assert obvious(["a"], "split") == ""


def test_the_coarser_of_two_groups():
    lesions, patients = ["l1", "l2", "l3", ""], ["p1", "p1", "p2", "p2"]
    assert holds_several(patients, lesions)
    assert not holds_several(lesions, patients)
