"""Who a DICOM file is of: known to who asks, and seen nowhere."""

import logging
import sys

import numpy as np
import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.pixels.dicom import patient_of
from medtail.datamodules.core.pixels.reading import read_image
from medtail.datamodules.core.pixels.window import Window
from tests.datamodules.core.pixels.dicoms import PERSON, write_dicom

RNG = np.random.default_rng(3)
CT = RNG.integers(-1024, 2000, (12, 10)).astype(np.int16)


def read(path):
    return read_image(path, CT.shape, 1, Window("file"))


def test_without_pydicom_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "x.dcm", CT)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for call in (lambda: read(path), lambda: patient_of(path)):
        with pytest.raises(DataError, match=r"pip install 'medtail\[dicom\]'$"):
            call()


def test_the_patient(tmp_path):
    assert patient_of(write_dicom(tmp_path / "a.dcm", CT)) == "PAT-4711"
    assert patient_of(write_dicom(tmp_path / "b.dcm", CT, PatientID=" P 1 ")) == "P 1"
    assert patient_of(write_dicom(tmp_path / "c.dcm", CT, PatientID="")) == ""
    (tmp_path / "d.png").write_bytes(bytes(200))
    assert patient_of(tmp_path / "d.png") == ""
    with pytest.raises(DataError, match="nowhere"):
        patient_of(tmp_path / "nowhere.dcm")


def text_of(call):
    """What a call has to say where it fails; any other error than these is a failure."""
    try:
        call()
    except (OSError, DataError) as error:
        return str(error)
    return ""


def test_no_broken_file_says_who_it_is_of(tmp_path, caplog, recwarn):
    """Cut off or overwritten anywhere: an image, or one line without a word of the person."""
    path = write_dicom(tmp_path / "x.dcm", CT, WindowCenter=4, WindowWidth=9)
    whole = path.read_bytes()
    caplog.set_level(logging.DEBUG)
    told = []
    for place in range(132, len(whole), 7):
        for content in (whole[:place], whole[:place] + RNG.bytes(6) + whole[place + 6 :]):
            path.write_bytes(content)
            told += [text_of(lambda: read(path)), text_of(lambda: patient_of(path))]
    assert sum(map(bool, told)) > 100
    assert "\n" not in "".join(told)
    told += [caplog.text, *(str(warning.message) for warning in recwarn)]
    assert not [text for text in told if any(word in text for word in PERSON.values())]


def test_what_names_a_person_is_not_even_parsed(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "x.dcm", CT, WindowCenter=4, WindowWidth=9)
    parsed = []

    def spy(data, window, frame):
        parsed.append(set(data.dir()))
        raise ValueError("enough")

    monkeypatch.setattr("medtail.datamodules.core.pixels.dicom._image", spy)
    with pytest.raises(OSError, match="enough"):
        read(path)
    assert "PixelData" in parsed[0]
    assert not parsed[0] & PERSON.keys()


def test_no_error_over_the_patient_is_quoted(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "x.dcm", CT)

    def fail(*_, **__):
        raise ValueError("cannot convert PAT-4711")

    monkeypatch.setattr("pydicom.dcmread", fail)
    with pytest.raises(DataError, match=r"x.dcm: no readable DICOM file \(ValueError\)$"):
        patient_of(path)
