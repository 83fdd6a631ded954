"""Single frames of DICOM files, by pydicom: the extra ``medtail[dicom]``.

Only the elements in ``READ`` are parsed, so that no name, date or other identifier of a person can
reach an error message. Compressed pixels need what pydicom needs for them.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import DataError
from .cache import ReadingError, reason
from .limits import check_size
from .window import HOW, Levels, Window

if TYPE_CHECKING:
    from pydicom import Dataset

READ = [
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows",
    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PixelData",
    "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")  # pydicom makes RGB of these
PLUGINS = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg, or save it uncompressed"


@contextmanager
def _quiet() -> Iterator[None]:
    """No warning of pydicom's and no line of its log: they quote the values that they are about."""
    try:
        import pydicom  # noqa: F401
    except ModuleNotFoundError as error:
        raise DataError("DICOM images need pydicom: pip install 'medtail[dicom]'") from error
    log = logging.getLogger("pydicom")
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def patient_of(path: Path) -> str:
    """PatientID of a DICOM file; empty where it has none, or the file is no DICOM file.

    It names a person: hash it before it is kept or shown.

    Raises:
        DataError: pydicom is not installed, or the file is broken.
    """
    with _quiet():
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError

        try:
            found = dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"])
            return str(found.get("PatientID") or "").strip()
        except InvalidDicomError:
            return ""
        except Exception as error:
            raise DataError(f"{path}: no readable DICOM file ({type(error).__name__})") from None


def read_dicom(path: Path, window: Window | None, frame: int | None) -> Image.Image | Levels:
    """One frame: an image of 8 bits as stored, or the levels [H, W] from 0 to 255 of a window.

    Values are those after rescale (Hounsfield units in CT); MONOCHROME1 is turned, so that white
    is much. ``window=file`` is the first VOI LUT, or window by its function (PS3.3 C.11.2).

    Raises:
        DataError: pydicom is not installed.
        ReadingError: several frames and none is named, more than 8 bits and no window, colour of
            another kind than ``COLOUR``, or a compression that cannot be decoded here.
        ValueError: the file is broken, or no DICOM file.
    """
    with _quiet():
        from pydicom import dcmread

        try:
            data = dcmread(path, specific_tags=list(READ))
            return _image(data, window, frame)
        except (ReadingError, OSError, MemoryError):
            raise
        except Exception as error:  # pydicom raises whatever a broken element leads to
            raise ValueError(f"no readable DICOM image: {reason(error)}") from None


def _image(data: "Dataset", window: Window | None, frame: int | None) -> Image.Image | Levels:
    from pydicom.pixels.processing import apply_modality_lut

    kind = str(data.get("PhotometricInterpretation", ""))
    if not {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} & set(data.dir()):
        raise ReadingError("a DICOM file without pixels (a report, a directory?)")
    if kind not in (*GREY, *COLOUR):
        raise ReadingError(f"DICOM pixels of kind '{kind}': export it as PNG")
    place = chosen_frame(int(data.get("NumberOfFrames") or 1), frame)
    bits = int(data.BitsStored) if "BitsStored" in data else int(data.BitsAllocated)
    plain = bits == 8 and not data.get("PixelRepresentation") and "PixelData" in data
    check_size(int(data.Columns), int(data.Rows))
    if kind in COLOUR and not plain:
        raise ReadingError(f"colour of {bits} bits a channel: convert it to 8 bits first")
    if kind in COLOUR and window is not None:
        raise ReadingError("a window is for grey images: this one has colours")
    if window is None and not plain:
        raise ReadingError(f"grey levels of {bits} bits: give {HOW}")
    stored, turned = _decoded(data, place), kind == "MONOCHROME1"
    if window is None:
        bytes_ = stored.astype(np.uint8)
        return Image.fromarray(255 - bytes_ if turned else bytes_)
    _take_groups(data, place)
    for table in (data.get("ModalityLUTSequence") or [])[:1]:
        _widen(table)
    whole = stored.astype(np.int64) if stored.dtype.kind in "iu" else stored
    values = apply_modality_lut(whole, data).astype(np.float64)
    levels = (
        _shown(values, data)
        if window.kind == "file"
        else window.levels(values, ~_padding(stored, data))
    )
    return 255 - levels if turned else levels


def chosen_frame(count: int, frame: int | None) -> int:
    """The frame to take of ``count``; raises ``ReadingError`` for a stack of which none is named,
    and for a frame that is not there.
    """
    if frame is None and count > 1:
        raise ReadingError(
            f"a stack of {count} frames: name the one that is meant, such as frame=0 for the "
            "first, or save the frames as images of their own"
        )
    if (frame or 0) >= count:
        raise ReadingError(f"frame={frame}: there is no such frame, the last is frame={count - 1}")
    return frame or 0


def _decoded(data: "Dataset", frame: int) -> NDArray[Any]:
    """Stored values [H, W] or [H, W, 3] of a frame."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array

    syntax = data.file_meta.TransferSyntaxUID
    try:
        able = get_decoder(syntax).is_available
    except NotImplementedError:
        raise ReadingError(f"compressed as {syntax.name}: export it as PNG") from None
    if not able:
        raise ReadingError(f"compressed as {syntax.name}, which pydicom alone has not: {PLUGINS}")
    try:
        return pixel_array(data, index=frame)
    except RuntimeError as error:
        if not syntax.is_encapsulated:
            raise
        raise ReadingError(f"compressed as {syntax.name} ({reason(error)}): {PLUGINS}") from None


def _take_groups(data: "Dataset", frame: int) -> None:
    """Put an enhanced object's rescale and window of a frame where a plain one has them."""
    shared, each = (
        data.get(f"{name}FunctionalGroupsSequence") or [] for name in ("Shared", "PerFrame")
    )
    for group in (*shared[:1], *each[frame : frame + 1]):
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for element in (group.get(name) or [()])[0]:
                data.add(element)


def _padding(stored: NDArray[Any], data: "Dataset") -> NDArray[np.bool_]:
    """[H, W] where pixels are none of the image (PS3.3 C.7.5.1.1.2): percentiles leave them out."""
    first = data.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, bool)
    last = data.get("PixelPaddingRangeLimit", first)
    low, high = sorted((int(first), int(last)))
    inside: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return inside


def _widen(table: "Dataset") -> tuple[int, int, int]:
    """First and last value that a lookup table knows, and its white; then let it have 16 bits.

    pydicom 3.0 looks up by integers of the table's own depth: 1,000 entries of 8 bits would be
    256, and those of 12 bits none.
    """
    entries, first, bits = (int(number) for number in table.LUTDescriptor)
    table.LUTDescriptor = [entries, first, 16]
    return first, first + (entries or 2**16) - 1, 2**bits - 1


def _shown(values: Levels, data: "Dataset") -> Levels:
    """[H, W] levels from 0 to 255 by the file's own VOI LUT or window."""
    from pydicom.pixels.processing import apply_voi_lut

    for table in (data.get("VOILUTSequence") or [])[:1]:
        first, last, white = _widen(table)
        inside = np.clip(np.rint(values), first, last).astype(np.int64)
        return apply_voi_lut(inside, data).astype(np.float64) * (255 / white)
    if data.get("WindowCenter") is None or data.get("WindowWidth") is None:
        raise ReadingError("the file names no window of its own: give window=[low, high] or p1-p99")
    with np.errstate(over="ignore"):  # a sigmoid far from its centre
        least, most = apply_voi_lut(np.array([-1e30, 1e30]), data)
        shown = apply_voi_lut(values, data).astype(np.float64)
    return (shown - float(least)) * (255 / float(most - least))
