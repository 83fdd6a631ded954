"""Files of scores: every form that is read, and every mistake in one line."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.tables import (
    IDS,
    LOGITS,
    RNG,
    SHARES,
    STANDARD,
    TARGET,
    read,
    shares_of,
    write,
)
from tests.boards import NAMES
from tests.damage import no_utf_8


@pytest.mark.parametrize(
    "head",
    [
        ("id", "mel", "nv", "df"),
        ("image", "MEL", "NV ", "DF"),
        ("", "0", "1", "2"),
        ("sample", "p0", "p1", "p2"),
    ],
)
def test_classes_go_by_name_or_by_place(tmp_path, head):
    found = read(write(tmp_path / "a.csv", SHARES, head))
    np.testing.assert_allclose(shares_of(found.logits[0]), SHARES)
    assert found.form == "probabilities"


def test_order_of_rows_and_columns_does_not_matter(tmp_path):
    rows, columns = RNG.permutation(60), [2, 0, 1]
    head = (*[NAMES[k] for k in columns[:1]], "id", *[NAMES[k] for k in columns[1:]])
    path = tmp_path / "a.csv"
    table = LOGITS[rows][:, columns]
    lines = [[a, IDS[i], b, c] for i, (a, b, c) in zip(rows, table.tolist(), strict=True)]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([list(head), *lines])
    np.testing.assert_array_equal(read(path).logits[0], LOGITS)


def test_parquet_is_read_as_csv_is(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {"id": list(IDS), **{n: LOGITS[:, k] for k, n in enumerate(NAMES)}}
    pq.write_table(pa.table(columns), path)
    np.testing.assert_array_equal(read(path).logits[0], LOGITS)
    pq.write_table(pa.table(columns | {"nv": [None, *LOGITS[1:, 1]]}), path)
    with pytest.raises(MedtailError, match=r"1 samples have a score that is no .* 's000': ''"):
        read(path)


def test_parquet_whose_text_is_no_utf_8_is_one_line(tmp_path):
    columns = {n: LOGITS[:, k].tolist() for k, n in enumerate(NAMES)}
    with pytest.raises(MedtailError, match=r"a\.parquet: .*UTF8"):
        read(no_utf_8(tmp_path / "a.parquet", id=list(IDS), **columns))


def test_probabilities_are_told_from_logits(tmp_path):
    found = read(write(tmp_path / "a.csv", SHARES.round(3)))
    assert found.form == "probabilities"
    assert "read as probabilities, as every row is one" in found.notes
    found = read(write(tmp_path / "b.csv", LOGITS))
    assert found.form == "logits"
    assert "read as logits, not as probabilities: 60 rows are none" in found.notes[1]
    np.testing.assert_array_equal(found.logits[0], LOGITS)
    sigmoids = 1 / (1 + np.exp(-LOGITS))
    assert "of sigmoids, give the logits" in read(write(tmp_path / "c.csv", sigmoids)).notes[1]
    overruled = read(write(tmp_path / "d.csv", SHARES), form="logits")
    np.testing.assert_allclose(overruled.logits[0], SHARES)


def test_a_probability_of_zero_is_kept_finite(tmp_path):
    hard = np.eye(3)[TARGET]
    found = read(write(tmp_path / "a.csv", hard)).logits[0]
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found.argmax(1), TARGET)


@pytest.mark.parametrize("head", [("id", "not mel"), ("id", "p1"), ("id", "1"), ("id", "score")])
def test_of_two_classes_the_second_is_enough(tmp_path, head):
    path, classes = write(tmp_path / "a.csv", SHARES[:, :1], head), ("mel", "not mel")
    found = read(path, classes=classes)
    np.testing.assert_allclose(shares_of(found.logits[0])[:, 1], SHARES[:, 0])
    path = write(tmp_path / "b.csv", LOGITS[:, :1], head)
    found = read(path, classes=classes)
    np.testing.assert_allclose(found.logits[0, :, 1] - found.logits[0, :, 0], LOGITS[:, 0])
    with pytest.raises(MedtailError, match="no column for not mel"):
        read(write(tmp_path / "c.csv", SHARES[:, :1], ("id", "mel")), classes=classes)


PLACES = tuple(f"test_{i}" for i in range(60))


def test_the_form_of_medmnist_is_matched_by_place(tmp_path):
    rows = RNG.permutation(60)
    path = write(tmp_path / STANDARD, SHARES[rows], None, rows.tolist())
    found = read(path, ids=PLACES, dataset="bloodmnist")
    np.testing.assert_allclose(shares_of(found.logits[0]), SHARES)
    assert "matched by place" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "dataset", "ids", "words"),
    [
        (STANDARD.replace("test", "val"), "bloodmnist", PLACES, "by its name of val"),
        (STANDARD, "pathmnist", PLACES, "by its name of bloodmnist, the board is of pathmnist"),
        ("mine.csv", "fake", IDS, "no header, and no column of sample ids: .* such as s000"),
        ("mine.csv", "fake", PLACES[:-1], "1 ids are not of the test .*, the first is '59'"),
        ("mine.csv", "fake", (*PLACES, "test_60"), "1 of 61 test samples are missing"),
    ],
)
def test_the_form_of_medmnist_is_refused_where_places_mean_nothing(
    tmp_path, name, dataset, ids, words
):
    path = write(tmp_path / name, SHARES, None, range(60))
    with pytest.raises(MedtailError, match=words):
        read(path, ids=ids, dataset=dataset)


def test_a_row_of_medmnist_has_a_score_for_every_class(tmp_path):
    path = write(tmp_path / "mine.csv", SHARES[:, :2], None, range(60))
    with pytest.raises(MedtailError, match="2 scores a row, there are 3 classes; write a header"):
        read(path, ids=PLACES)


def broken(change):
    """The file's lines, changed."""
    lines = [["id", *NAMES], *([i, *row] for i, row in zip(IDS, SHARES.tolist(), strict=True))]
    change(lines)
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


MISTAKES = {
    "missing": (lambda x: x.pop(3), "1 of 60 test samples are missing, the first is 's002'"),
    "doubled": (
        lambda x: x.append(x[5]),
        "1 ids stand more than once, the first is 's004'; of several trainings, add a column",
    ),
    "unknown": (
        lambda x: x[4].__setitem__(0, "s900"),
        "1 ids are not of the test .*, the first is 's900'; the test has 60 such as s000",
    ),
    "none known": (
        lambda x: [y.__setitem__(0, f"t{y[0]}") for y in x[1:]],
        "60 ids are not of the test .*, the first is 'ts000'",
    ),
    "no id": (lambda x: x[4].__setitem__(0, ""), "the first is ''"),
    "nan": (lambda x: [y.__setitem__(1, "nan") for y in x[2:5]], "3 samples .* 's001': 'nan'"),
    "inf": (lambda x: x[2].__setitem__(3, "-inf"), "a score that is no .* 's001': '-inf'"),
    "empty": (lambda x: x[2].__setitem__(1, ""), "a score that is no finite number.* 's001': ''"),
    "text": (lambda x: x[2].__setitem__(1, "high"), "is no finite number, .*: 'high'"),
    "ragged": (lambda x: x[7].pop(), "line 8: 3 cells, the first line has 4"),
    "class": (lambda x: [y.pop() for y in x], "2 classes, there are 3: no column for df"),
    "typo": (lambda x: x[0].__setitem__(3, "dff"), r"no column for df; .* \(no class: dff\)"),
    "one more": (
        lambda x: [y.append(1) for y in x] and x[0].__setitem__(slice(1, 5), list("0123")),
        "4 classes, there are 3: the column '3' is none",
    ),
    "one lacks": (
        lambda x: (
            [y.append(y[3] / 2) or y.__setitem__(3, y[3] / 2) for y in x[1:]] and x[0].append("scc")
        ),
        "with the column 'scc' every row sums to 1: is it a class",
    ),
    "two sets": (
        lambda x: [y.extend(y[1:]) for y in x] and x[0].__setitem__(slice(4, 7), P_NAMES),
        "two sets of columns have the classes: mel nv df; p_mel p_nv p_df",
    ),
    "twice": (lambda x: x[0].__setitem__(1, "nv"), "the column 'nv' stands twice"),
    "two ids": (
        lambda x: [y.append(z) for y, z in zip(x, ["similar", *IDS[1:], IDS[0]], strict=True)],
        "the columns 'id' and 'similar' both hold ids of the test, and different ones: keep one",
    ),
    "no ids": (lambda x: [y.pop(0) for y in x], "no column of sample ids: .* such as s000"),
    "one row": (
        lambda x: x[2].__setitem__(1, "7"),
        "most rows are probabilities, but 1 rows are none, the first is of 's001'",
    ),
    "percent": (
        lambda x: [y.__setitem__(slice(1, 4), [100 * v for v in y[1:]]) for y in x[1:]],
        r"60 rows sum to 100, the first is of 's000' \(.*: divide percent by 100",
    ),
    "header": (lambda x: x.__delitem__(slice(1, None)), "no row of scores"),
    "nothing": (lambda x: x.clear(), "the file is empty"),
    "one column": (lambda x: [y.__delitem__(slice(1, None)) for y in x], "fewer than two columns"),
}
P_NAMES = [f"p_{name}" for name in NAMES]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(tmp_path, mistake):
    change, words = MISTAKES[mistake]
    path = tmp_path / "a.csv"
    path.write_text(broken(change))
    with pytest.raises(MedtailError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_one_clear_line(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("a.parquet", "b.csv", "absent.csv", "."):
        with pytest.raises(MedtailError, match="no readable") as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_no_probabilities_are_refused_as_such(tmp_path):
    off = SHARES.copy()
    off[9] *= 1.02
    path = write(tmp_path / "a.csv", off)
    with pytest.raises(MedtailError, match=r"1 rows are none, the first is of 's009' .*sum 1\.02"):
        read(path, form="probabilities")
    off[9] = SHARES[9] + [-0.5, 0.25, 0.25]
    with pytest.raises(MedtailError, match="1 rows are none"):
        read(write(path, off), form="probabilities")


def test_one_training_is_not_counted_as_two(tmp_path):
    first = write(tmp_path / "a.csv", LOGITS)
    other = write(tmp_path / "b.csv", LOGITS + 1e-3 * RNG.normal(size=LOGITS.shape))
    assert read([first, other]).seeds == ("0", "1")
    for again in (first, write(tmp_path / "copy.csv", LOGITS)):
        with pytest.raises(MedtailError, match=r"the very scores of seed 0 in .*a\.csv"):
            read([first, other, again])
    both = tmp_path / "seeds.csv"
    lines = [[s, i, *row] for s in (3, 4) for i, row in zip(IDS, LOGITS.tolist(), strict=True)]
    with both.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["seed", "id", *NAMES], *lines])
    with pytest.raises(MedtailError, match=r"the very scores of seed 3 in .*seeds\.csv"):
        read(both)
