"""Random damage of evidence gives one line, or the same; never another exception."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtail.benchmark.evidence import record
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.published import publish, read_predictions
from medtail.datamodules.core.errors import MedtailError
from tests.boards import done

FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
RECORD, SCORES = done()


@st.composite
def damaged(draw, whole):
    """Bytes with some flipped, replaced, cut, doubled or put between."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        how = draw(st.sampled_from(["flip", "replace", "cut", "remove", "insert"]))
        some = draw(st.binary(min_size=1, max_size=12))
        if how == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "replace":
            content[place : place + len(some)] = some
        elif how == "cut":
            del content[place:]
        elif how == "remove":
            del content[place : place + len(some)]
        else:
            content[place:place] = some
    return bytes(content)


def one_line(read, path):
    """What is read; None where a line says why not."""
    said = ""
    try:
        return read(path)
    except MedtailError as error:
        said = str(error)
    assert "\n" not in said
    assert str(path) in said
    return None


@FEW
@given(data=st.data())
def test_a_record(tmp_path, data):
    path = tmp_path / "record.json"
    path.write_bytes(data.draw(damaged(record.text_of(RECORD, indent=1).encode())))
    found = one_line(record.read, path)
    assert found is None or found.cell == RECORD.cell


@FEW
@given(data=st.data())
def test_lines_of_records(tmp_path, data):
    path = tmp_path / "records.jsonl"
    path.write_bytes(data.draw(damaged(record.text_of(RECORD).encode() * 2)))
    one_line(record.read_lines, path)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    SCORES.write(folder / "predictions.parquet")
    publish(folder, [(RECORD, SCORES)])
    return folder


@FEW
@given(data=st.data())
def test_predictions(tmp_path, stored, data):
    path = tmp_path / "predictions.parquet"
    path.write_bytes(data.draw(damaged((stored / path.name).read_bytes())))
    found = one_line(Predictions.read, path)
    assert found is None or isinstance(found.digest, str)


@FEW
@given(data=st.data())
def test_published_predictions(tmp_path, stored, data):
    path = tmp_path / "predictions" / "fake@natural.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(damaged((stored / "predictions" / path.name).read_bytes())))
    found = one_line(lambda _: read_predictions(tmp_path, "fake@natural"), path)
    assert found is None or all(isinstance(p.digest, str) for p in found.values())
