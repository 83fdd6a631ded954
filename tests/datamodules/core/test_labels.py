"""Label files: what is read, and what is refused with its place."""

import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.labels import Row, by_id, id_of, one_hot, read_rows


def rows(tmp_path, text, *columns):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return read_rows(path, columns or ("id",))


def hot(*values):
    row = Row(zip("abc", values, strict=True))
    row.at = ("labels.csv", "line", 7)
    return [row]


@pytest.mark.parametrize(
    ("values", "label"),
    [(("0", "1", "0"), "b"), (("0.0", "0", "1.0"), "c"), (("1", "0", "0"), "a")],
)
def test_one_hot(values, label):
    assert one_hot(hot(*values), "abc") == [label]


@pytest.mark.parametrize(
    "values",
    [("0", "0", "0"), ("1", "1", "0"), ("1", "0.5", "0"), ("2", "-1", "0"), ("1", "x", "0")],
)
def test_what_is_not_exactly_one_class_is_refused_with_its_line(values):
    with pytest.raises(DataError, match=r"^labels\.csv, line 7: not exactly one of a, b, c is 1"):
        one_hot(hot(*values), "abc")


def test_rows_know_their_place(tmp_path):
    found = rows(tmp_path, "id,label\n\na,1\n'b',\"two\nlines\"\nc,3,,\n")
    assert [row["id"] for row in found] == ["a", "'b'", "c"]
    assert found[0].where == f"{tmp_path / 'labels.csv'}, line 3"
    assert found[2].where.endswith("line 6")  # of the file, not of the table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'id' .there are none."),
        ("name,label\na,1\n", "no column 'id' .there are name, label."),
        ("id,label\n", "no row below the header"),
        ("id,label\na\n", "line 2: too few columns"),
        ("id,label\na,1,2\n", "line 2: too many columns: 2"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, text, words):
    with pytest.raises(DataError, match=words) as caught:
        rows(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a", "a"), ("a.jpg", "a"), (" a.JPEG ", "a"), ("train/b.c/a.png", "a"), ("a.b.tif", "a.b"),
        ("1.2.840", "1.2.840"), ("v1.0", "v1.0"), (".jpg", ".jpg"), ("", ""),
    ],
)  # fmt: skip
def test_ids_lose_folders_and_the_ending_of_an_image_only(name, known):
    assert id_of(name) == known


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_tells_the_separator(tmp_path, separator):
    text = f'"id"{separator}"label"\n"a,b;c"{separator}1\n'
    assert rows(tmp_path, text, "id", "label") == [{"id": "a,b;c", "label": "1"}]
    marked = rows(tmp_path, "\ufeff" + text, "id", "label")  # as spreadsheets begin a file
    assert marked == [{"id": "a,b;c", "label": "1"}]


def test_another_separator_shows_the_header(tmp_path):
    with pytest.raises(DataError, match=r"no column 'id' .there are id\|label.: is it the right"):
        rows(tmp_path, "id|label\na|1\n", "id", "label")


def test_an_id_that_stands_twice_names_both_places(tmp_path):
    with pytest.raises(DataError, match=r"line 3: 'a' stands already in .*line 2"):
        by_id(rows(tmp_path, "id\na\na\n"), "id")
