"""DICOM images against the standard's own formulas, and nothing of a person anywhere."""

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)

from medtail.datamodules.core.pixels.cache import ReadingError
from medtail.datamodules.core.pixels.reading import read_image
from medtail.datamodules.core.pixels.window import Window
from tests.datamodules.core.pixels.dicoms import PERSON, dataset, write_dicom

SIZE = (12, 10)
RNG = np.random.default_rng(3)
CT = RNG.integers(-1024, 2000, SIZE).astype(np.int16)
RANGE = Window.parse([-160, 240])


def linear(values, centre, width):
    """PS3.3 C.11.2.1.2.1 with ymin = 0 and ymax = 255, pixel by pixel."""

    def one(x):
        if x <= centre - 0.5 - (width - 1) / 2:
            return 0
        if x > centre - 0.5 + (width - 1) / 2:
            return 255
        return ((x - (centre - 0.5)) / (width - 1) + 0.5) * 255

    return np.vectorize(one, otypes=[float])(values)


def read(path, window=None, frame=None, channels=1):
    pixels = read_image(path, SIZE, channels, window and Window.parse(window), frame)
    return pixels[:, :, 0] if channels == 1 else pixels


def refused(path, *parts, window=None, frame=None, error=ReadingError):
    with pytest.raises(error) as caught:
        read(path, window, frame)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    assert all(part in text for part in parts), text
    assert not any(word in text for word in PERSON.values()), text


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless],
)
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (1, -1024), (0.5, 12)])
def test_a_range_is_of_rescaled_values(tmp_path, syntax, slope, intercept):
    stored = (CT + 1024).astype(np.uint16)
    data = dataset(stored, bits=12, RescaleSlope=slope, RescaleIntercept=intercept)
    if syntax == RLELossless:
        data.compress(RLELossless)
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    units = stored * float(slope) + intercept
    expected = np.rint(np.clip((units + 160) / 400, 0, 1) * 255)
    np.testing.assert_array_equal(read(tmp_path / "x.dcm", [-160, 240]), expected)


def test_big_endian(tmp_path):
    data = dataset(CT.astype(">i2"), syntax=ExplicitVRBigEndian)
    data.save_as(tmp_path / "x.dcm", enforce_file_format=True)
    expected = np.rint(np.clip((CT + 160.0) / 400, 0, 1) * 255)
    np.testing.assert_array_equal(read(tmp_path / "x.dcm", [-160, 240]), expected)


@pytest.mark.parametrize(("centre", "width"), [(40, 400), (40.5, 80), (-600, 1500), (0, 1), (0, 2)])
def test_the_files_own_window_is_the_standards_formula(tmp_path, centre, width):
    """Signed, with a rescale; of several windows the first."""
    path = write_dicom(
        tmp_path / "x.dcm", CT, RescaleSlope=1, RescaleIntercept=24,
        WindowCenter=[centre, 9], WindowWidth=[width, 9],
    )  # fmt: skip
    expected = linear(CT + 24.0, centre, width) if width > 1 else (centre - 0.5 < CT + 24) * 255.0
    np.testing.assert_array_equal(read(path, "file"), np.rint(expected))


def test_other_functions_of_a_window(tmp_path):
    values, (centre, width) = CT.astype(float), (40, 400)
    for function, expected in (
        ("LINEAR_EXACT", np.clip((values - centre) / width + 0.5, 0, 1) * 255),
        ("SIGMOID", 255 / (1 + np.exp(-4 * (values - centre) / width))),
    ):
        path = write_dicom(
            tmp_path / "x.dcm", CT, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function
        )
        np.testing.assert_array_equal(read(path, "file"), np.rint(expected))


def lookup_table(table, depth, first):
    item = Dataset()
    item.LUTDescriptor = [len(table), first, depth]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    item.LUTData = table.tolist()
    item["LUTData"].VR = "US"
    return Sequence([item])


@pytest.mark.parametrize(("depth", "first"), [(8, 0), (12, -1024), (16, 100)])
def test_a_lookup_table_of_the_file(tmp_path, depth, first):
    """PS3.3 C.11.2.1.1: below the first mapped value the first entry, beyond the last the last."""
    table = np.sort(RNG.integers(0, 2**depth, 1000)).astype(int)
    path = write_dicom(
        tmp_path / "x.dcm", CT, RescaleSlope=1, RescaleIntercept=0, WindowCenter=0, WindowWidth=9,
        VOILUTSequence=lookup_table(table, depth, first),
    )  # fmt: skip
    expected = table[np.clip(CT.astype(int) - first, 0, len(table) - 1)] * 255 / (2**depth - 1)
    np.testing.assert_array_equal(read(path, "file"), np.rint(expected))


@pytest.mark.parametrize(("depth", "first"), [(8, 0), (12, -1024), (16, 100)])
def test_a_modality_lookup_table_makes_the_units(tmp_path, depth, first):
    """PS3.3 C.11.1.1.1, before any window."""
    table = np.sort(RNG.integers(0, 2**depth, 1000)).astype(int)
    path = write_dicom(
        tmp_path / "x.dcm", CT, ModalityLUTSequence=lookup_table(table, depth, first)
    )
    units = table[np.clip(CT.astype(int) - first, 0, len(table) - 1)]
    expected = np.rint(np.clip((units - 10) / 190, 0, 1) * 255)
    np.testing.assert_array_equal(read(path, [10, 200]), expected)


@pytest.mark.parametrize("window", [[-160, 240], "p1-p99", "file"])
def test_monochrome1_is_turned(tmp_path, window):
    given = {"WindowCenter": 40, "WindowWidth": 400}
    plain = write_dicom(tmp_path / "2.dcm", CT, **given)
    turned = write_dicom(tmp_path / "1.dcm", CT, kind="MONOCHROME1", **given)
    sums = read(plain, window).astype(int) + read(turned, window)
    assert (abs(sums - 255) <= 1).all()  # 1 where both round a half to the even
    assert len(np.unique(read(plain, window))) > 10


def test_8_bits_need_no_window(tmp_path):
    stored = RNG.integers(0, 256, SIZE).astype(np.uint8)
    np.testing.assert_array_equal(read(write_dicom(tmp_path / "a.dcm", stored)), stored)
    turned = write_dicom(tmp_path / "b.dcm", stored, kind="MONOCHROME1")
    np.testing.assert_array_equal(read(turned), 255 - stored)
    np.testing.assert_array_equal(read(turned, channels=3)[:, :, 2], 255 - stored)
    wide = write_dicom(tmp_path / "c.dcm", stored.astype(np.uint16), bits=8)
    np.testing.assert_array_equal(read(wide), stored)


def test_more_bits_need_one(tmp_path):
    refused(write_dicom(tmp_path / "a.dcm", CT), "16 bits", "window=[low, high]", "p1-p99", "file")
    twelve = write_dicom(tmp_path / "b.dcm", abs(CT).astype(np.uint16), bits=12)
    refused(twelve, "12 bits")
    refused(write_dicom(tmp_path / "c.dcm", CT.astype(np.int8)), "8 bits", "window")  # signed
    refused(twelve, "no window of its own", window="file")


def test_colour(tmp_path):
    stored = RNG.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    path = write_dicom(tmp_path / "a.dcm", stored, kind="RGB")
    np.testing.assert_array_equal(read(path, channels=3), stored)
    luma = (stored @ [0.299, 0.587, 0.114]).round()
    assert abs(read(path).astype(int) - luma).max() <= 1
    refused(path, "a window is for grey images", window="file")
    planes = write_dicom(
        tmp_path / "b.dcm", stored.transpose(2, 0, 1).reshape(*SIZE, 3), kind="RGB",
        PlanarConfiguration=1,
    )  # fmt: skip
    np.testing.assert_array_equal(read(planes, channels=3), stored)
    refused(write_dicom(tmp_path / "c.dcm", stored.astype(np.uint16), kind="RGB"), "16 bits")
    palette = write_dicom(tmp_path / "d.dcm", stored[:, :, 0], kind="PALETTE COLOR")
    refused(palette, "'PALETTE COLOR': export it as PNG")


def test_ybr_becomes_rgb(tmp_path):
    """PS3.3 C.7.6.3.1.2: grey has Cb = Cr = 128; red lies at Y 76, Cb 85, Cr 255."""
    stored = np.full((*SIZE, 3), 128, np.uint8)
    stored[0, 0] = (76, 85, 255)
    pixels = read(write_dicom(tmp_path / "a.dcm", stored, kind="YBR_FULL"), channels=3)
    assert (pixels[1:] == 128).all()
    assert abs(pixels[0, 0].astype(int) - (254, 0, 0)).max() <= 1


def test_frames(tmp_path):
    frames = RNG.integers(0, 256, (3, *SIZE)).astype(np.uint8)
    path = write_dicom(tmp_path / "a.dcm", frames)
    refused(path, "a stack of 3 frames", "frame=0")
    refused(path, "frame=3: there is no such frame, the last is frame=2", frame=3)
    for place in range(3):
        np.testing.assert_array_equal(read(path, frame=place), frames[place])
    one = write_dicom(tmp_path / "b.dcm", frames[:1])
    np.testing.assert_array_equal(read(one), frames[0])


def test_frames_of_an_enhanced_object_have_their_own_rescale(tmp_path):
    def group(intercept):
        values, found = Dataset(), Dataset()
        values.RescaleSlope, values.RescaleIntercept = 1, intercept
        found.PixelValueTransformationSequence = Sequence([values])
        return found

    shared, voi = Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth = 40, 400
    shared.FrameVOILUTSequence = Sequence([voi])
    path = write_dicom(
        tmp_path / "x.dcm", np.stack([CT, CT]),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([group(0), group(-500)]),
    )  # fmt: skip
    for place, units in ((0, CT.astype(float)), (1, CT - 500.0)):
        expected = np.rint(np.clip((units + 160) / 400, 0, 1) * 255)
        np.testing.assert_array_equal(read(path, [-160, 240], frame=place), expected)
        np.testing.assert_array_equal(
            read(path, "file", frame=place), np.rint(linear(units, 40, 400))
        )


def test_padding_is_no_pixel_of_the_image(tmp_path):
    padded = CT.copy()
    padded[:6] = -2000
    path = write_dicom(tmp_path / "x.dcm", padded, PixelPaddingValue=-2000)
    low, high = np.percentile(CT[6:], (1, 99))
    expected = np.rint(np.clip((padded - low) / (high - low), 0, 1) * 255)
    np.testing.assert_array_equal(read(path, "p1-p99"), expected)


def test_a_file_of_any_name_is_known_by_its_beginning(tmp_path):
    stored = RNG.integers(0, 256, SIZE).astype(np.uint8)
    for name in ("IM0001", "x.png", "x.DCM", "1.2.840.113"):
        np.testing.assert_array_equal(read(write_dicom(tmp_path / name, stored)), stored)


def test_compressed_and_nothing_here_decodes_it(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", CT)
    for syntax, *parts in (
        (JPEGLosslessSV1, "JPEG Lossless", "pip install pylibjpeg"),
        (MPEG2MPML, "MPEG2", "export it as PNG"),
    ):
        data = dcmread(path)
        data.file_meta.TransferSyntaxUID = syntax
        data["PixelData"].is_undefined_length = True
        data.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
        data.save_as(tmp_path / "y.dcm")
        refused(tmp_path / "y.dcm", *parts, window=[0, 1])


def test_what_is_no_image(tmp_path):
    data = dataset(CT)
    del data.PixelData
    data.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    refused(tmp_path / "report.dcm", "without pixels")
    (tmp_path / "text.dcm").write_text("no DICOM file at all" * 20)
    refused(tmp_path / "text.dcm", "no readable DICOM image", error=OSError)
    (tmp_path / "empty.dcm").write_bytes(b"")
    refused(tmp_path / "empty.dcm", "no readable DICOM image", error=OSError)
    whole = write_dicom(tmp_path / "short.dcm", CT).read_bytes()
    (tmp_path / "short.dcm").write_bytes(whole[:-50])
    refused(tmp_path / "short.dcm", window=[0, 1], error=OSError)
