"""What a disk refuses is one line with the file, by whichever library it is said."""

import errno
import os
import pickle
import resource
import signal

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet as pq

from medtail.datamodules.core import derived, writing
from medtail.datamodules.core.disk import DiskError, refusal
from medtail.datamodules.core.errors import MedtailError
from tests.disks import mounted

AMOUNT = 200_000
WRITERS = {
    "text": lambda path: path.write_text("x" * AMOUNT),
    "bytes": lambda path: path.write_bytes(bytes(AMOUNT)),
    "numpy": lambda path: np.save(path.open("wb"), np.zeros(AMOUNT)),
    "torch": lambda path: torch.save({"a": torch.randn(AMOUNT)}, path),
    "torch by file": lambda path: torch.save({"a": torch.randn(AMOUNT)}, path.open("wb")),
    "arrow": lambda path: pq.write_table(pa.table({"a": np.random.randn(AMOUNT)}), path),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A disk of 64 KiB."""
    with mounted(tmp_path_factory.mktemp("small"), "size=64k") as place:
        yield place


def refused(folder, write, words):
    path = folder / "kept.bin"
    path.write_bytes(b"kept")
    with pytest.raises(DiskError) as caught, writing.whole(path) as part:
        write(part)
    text = str(caught.value)
    assert text.startswith(f"{path}: {words} (what is there is kept")
    assert "\n" not in text
    assert path.read_bytes() == b"kept"
    assert [left.name for left in folder.iterdir()] == ["kept.bin"], "nothing is left of it"


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk(small, writer):
    refused(small, WRITERS[writer], "no space left")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_is_too_large(tmp_path, writer):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, usual[1]))
    try:
        refused(tmp_path, WRITERS[writer], "larger than a file may be there")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, heard)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EIO, "input/output error"),
        (errno.ESTALE, "the network disk has lost it"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_each_number_has_its_words(tmp_path, number, words):
    def write(part):
        raise OSError(number, os.strerror(number))

    refused(tmp_path, write, words)


def test_another_file_keeps_its_name(tmp_path):
    gone = tmp_path / "gone"
    with (
        pytest.raises(DiskError, match=f"^{gone}: no such file"),
        writing.whole(tmp_path / "a"),
    ):
        gone.read_text()
    with pytest.raises(RuntimeError, match="of a method"), writing.whole(tmp_path / "a"):
        raise RuntimeError("of a method")


def test_files_that_can_be_made_again(tmp_path):
    def make(part):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with pytest.raises(DiskError, match=f"^{tmp_path / 'a.npy'}: the disk quota is used up"):
        derived.ensure(tmp_path / "a.npy", {}, make)


def test_it_is_a_user_s_error_and_travels():
    found = refusal(OSError(28, "No space left on device", "/a/b"))
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, MedtailError)
    assert str(again) == str(found)
    assert str(found).startswith("/a/b: no space left (")
    assert refusal(ValueError("[Errno 28]")) is None
    assert refusal(RuntimeError("shape mismatch")) is None
