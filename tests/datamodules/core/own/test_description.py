"""dataset.yaml: text as it is written, and a line for each mistake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.own.description import Description, described, read, write

BASE = "name: skin\nsource: t.csv\n"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(str.strip)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "skin").mkdir()
    return tmp_path / "skin/dataset.yaml"


def test_names_are_text_whatever_yaml_thinks(place):
    place.write_text(BASE + "classes: [no, yes, 0, 1.0, 010, null_, 1e3]\nlabel: on\ngroup: 7\n")
    found = read(place)
    assert found.classes == ("no", "yes", "0", "1.0", "010", "null_", "1e3")
    assert (found.label, found.group) == ("on", "7")


def test_numbers_and_truths_are_read_from_text(place):
    place.write_text(
        BASE + "channels: 1\nordinal: yes\nframe: 2\nrare: a\nwindow: [0, 4e3]\ntitle:\n"
    )
    found = read(place)
    assert (found.channels, found.ordinal, found.frame, found.rare) == (1, True, 2, ("a",))
    assert (found.window, found.title) == ("[0, 4000]", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BASE + "chanels: 3\n", "line 3, chanels: unknown key; did you mean channels?"),
        (BASE + "xyz: 3\n", "line 3, xyz: unknown key; name, source"),
        (BASE + "\nchannels: 2\n", "line 4, channels: 2: write 1 or 3"),
        (BASE + "ordinal: perhaps\n", "line 3, ordinal: perhaps: write true or false"),
        (BASE + "classes: a, b\n", "line 3, classes: a, b: give a list"),
        (BASE + "classes: [a, a]\n", "line 3, classes: classes: 'a' is empty or stands twice"),
        (BASE + "copies: keep\n", "line 3, copies: keep: write 'refuse' or 'exclude'"),
        (BASE + "window: lung\n", "line 3, window: lung: write window=[low, high]"),
        (BASE + "frame: -1\n", "line 3, frame: -1: give a whole number, 0 or more"),
        (BASE + "source: b\n", "line 3: 'source' stands twice"),
        (BASE + "group: a\nno_group: true\n", "whole file: group and no_group: say one"),
        ("name: skin\n", "source: this key has to be there"),
        ("name: other\nsource: t.csv\n", "line 1, name: 'other' lies in the folder 'skin'"),
        ("- a\n", "line 1: a dataset is a mapping"),
        ("", "line 1: a dataset is a mapping"),
        (BASE + "a: {\n", "line 4: "),
        (BASE + "title: a: b\n", "line 3: "),
    ],
)
def test_a_mistake_names_file_line_and_key(place, text, words):
    place.write_text(text)
    with pytest.raises(DataError) as caught:
        read(place)
    assert str(caught.value).startswith("skin/dataset.yaml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_one_line(place):
    place.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"^skin/dataset\.yaml: "):
        read(place)


@given(st.lists(TEXT.map(str.strip), min_size=2, unique=True), TEXT)
def test_what_is_written_reads_as_it_was(tmp_path_factory, names, title):
    path = tmp_path_factory.mktemp("d") / "skin/dataset.yaml"
    facts = described({"name": "skin", "source": "t.csv", "classes": names, "title": title})
    write(path, facts)
    assert read(path) == facts


def test_what_reads_otherwise_is_not_written(place, monkeypatch):
    facts = described({"name": "skin", "source": "t.csv"})
    write(place, facts)
    before = place.read_bytes()
    monkeypatch.setattr(Description, "text", lambda self: "name: skin\nsource: u.csv\n")
    with pytest.raises(DataError, match="reads otherwise"):
        write(place, facts)
    assert place.read_bytes() == before
    assert [p.name for p in place.parent.iterdir()] == ["dataset.yaml"]


def test_every_key_is_explained():
    for key, field in Description.model_fields.items():
        assert field.description, key
        assert field.description.endswith("."), key
