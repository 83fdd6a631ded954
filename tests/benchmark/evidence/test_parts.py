"""Predictions in parts: a large file is left alone, and the later part counts."""

import pytest

from medtail.benchmark.evidence import parts
from medtail.benchmark.evidence.published import read_predictions
from medtail.datamodules.core.errors import MedtailError
from tests.boards import predictions

SLUG = "x@y"


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "SEALED", 1)


def digests(cells):
    return {name: mine.digest for name, mine in cells.items()}


def names(folder):
    return [path.name for path in parts.files(folder, SLUG)]


def cells(*known):
    return {name: predictions(name, n=12) for name in known}


def test_what_is_small_is_one_file(tmp_path):
    for known in (cells("a"), cells("a", "b"), cells("b")):
        parts.write(tmp_path, SLUG, known)
        assert digests(parts.read(tmp_path, SLUG)) == digests(known)
        assert names(tmp_path) == ["x@y.parquet"]
    parts.write(tmp_path, SLUG, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small_parts")
def test_a_large_file_is_not_written_again(tmp_path):
    parts.write(tmp_path, SLUG, cells("a", "b"))
    first = (tmp_path / "x@y.parquet").read_bytes()
    for number in range(2, 13):
        known = cells("a", "b", *(f"c{n}" for n in range(2, number + 1)))
        parts.write(tmp_path, SLUG, known)
        parts.write(tmp_path, SLUG, known)  # nothing new: nothing written
        assert digests(parts.read(tmp_path, SLUG)) == digests(known)
    assert (tmp_path / "x@y.parquet").read_bytes() == first
    assert names(tmp_path) == ["x@y.parquet", *(f"x@y.{n}.parquet" for n in range(2, 13))]


@pytest.mark.usefixtures("small_parts")
def test_of_a_cell_in_two_parts_the_later_counts(tmp_path):
    parts.write(tmp_path, SLUG, cells("a", "b"))
    known = {**cells("a"), "b": predictions("other", n=12)}
    assert known["b"].digest != cells("b")["b"].digest
    for _ in range(2):
        parts.write(tmp_path, SLUG, known)
        assert digests(parts.read(tmp_path, SLUG)) == digests(known)
    back = cells("a", "b")
    parts.write(tmp_path, SLUG, back)
    assert digests(parts.read(tmp_path, SLUG)) == digests(back)


@pytest.mark.usefixtures("small_parts")
def test_a_cell_that_is_no_more_leaves_no_trace(tmp_path):
    parts.write(tmp_path, SLUG, cells("a", "b"))
    parts.write(tmp_path, SLUG, cells("a", "b", "c"))
    parts.write(tmp_path, SLUG, cells("a", "c"))
    assert digests(parts.read(tmp_path, SLUG)) == digests(cells("a", "c"))
    parts.write(tmp_path, SLUG, cells("c"))
    assert digests(parts.read(tmp_path, SLUG)) == digests(cells("c"))
    assert len(names(tmp_path)) == 1


@pytest.mark.usefixtures("small_parts")
def test_what_stops_between_two_steps_loses_nothing(tmp_path, monkeypatch):
    parts.write(tmp_path, SLUG, cells("a", "b"))
    monkeypatch.setattr("pathlib.Path.unlink", lambda path, **_: None)
    parts.write(tmp_path, SLUG, cells("b", "c"))  # the old files stay beside the new
    found = digests(parts.read(tmp_path, SLUG))
    assert found.items() >= digests(cells("b", "c")).items()
    monkeypatch.undo()
    parts.write(tmp_path, SLUG, cells("b", "c"))
    assert digests(parts.read(tmp_path, SLUG)) == digests(cells("b", "c"))


@pytest.mark.usefixtures("small_parts")
def test_a_damaged_part_is_named(tmp_path):
    folder = tmp_path / "predictions"
    parts.write(folder, SLUG, cells("a"))
    parts.write(folder, SLUG, cells("a", "b"))
    (folder / "x@y.2.parquet").write_bytes(b"none")
    with pytest.raises(MedtailError, match=r"x@y\.2\.parquet: no readable predictions"):
        read_predictions(tmp_path, SLUG)


def test_other_files_are_no_parts(tmp_path):
    for name in ("x@y.parquet", "x@y.02.parquet", "x@y.2b.parquet", "x@yz.parquet", "x@y.2.csv"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["x@y.parquet"]
