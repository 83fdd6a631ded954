"""DICOM files for tests, written by pydicom, with everything that names a person in them."""

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

# Nothing of these may ever be seen.
PERSON = {
    "PatientName": "Muster^Erika",
    "PatientID": "PAT-4711",
    "PatientBirthDate": "19610203",
    "StudyDate": "20200405",
    "AccessionNumber": "ACC-0815",
    "StudyInstanceUID": "1.2.826.0.1.111",
    "SeriesInstanceUID": "1.2.826.0.1.222",
    "SOPInstanceUID": "1.2.826.0.1.333",
    "InstitutionName": "Charite Muster",
    "ReferringPhysicianName": "Doktor^Muster",
}


def dataset(pixels, syntax=ExplicitVRLittleEndian, bits=None, kind="MONOCHROME2", **elements):
    """A dataset of [H, W], [F, H, W] or [H, W, 3] pixels, of which ``bits`` are stored."""
    pixels = np.asarray(pixels)
    colour = kind not in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    data = Dataset()
    for name, value in PERSON.items():
        setattr(data, name, value)
    data.SOPClassUID = CTImageStorage
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = UID(PERSON["SOPInstanceUID"])
    data.file_meta.TransferSyntaxUID = UID(syntax)
    data.SamplesPerPixel, data.PhotometricInterpretation = (3 if colour else 1), kind
    if colour:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    if pixels.ndim == 3 + colour:
        data.NumberOfFrames = len(pixels)
    data.BitsAllocated = pixels.dtype.itemsize * 8
    data.BitsStored = bits or data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def write_dicom(path, pixels, **given):
    """Write ``dataset(pixels, ...)``; gives the path."""
    dataset(pixels, **given).save_as(path, enforce_file_format=True)
    return path
