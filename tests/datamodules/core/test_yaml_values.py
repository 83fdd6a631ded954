"""YAML as it is meant: names stay text, numbers are numbers, a key stands once."""

import pytest
import yaml

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.yaml_values import read, reason, setting


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("classes: [no, 0, 1.0, null, 2020-01-01, 010, 'x']", "no 0 1.0 null 2020-01-01 010 x"),
        ("params: {classes: [yes, off]}", "yes off"),
    ],
)
def test_names_stay_as_they_are_written(text, value):
    found = read(text)
    assert found.get("params", found)["classes"] == value.split()


def test_a_number_of_classes_is_a_number():
    assert read("params: {classes: 8}") == {"params": {"classes": 8}}
    assert setting("params.classes=8", "a=b") == ("params.classes", 8)


def test_elsewhere_yaml_is_yaml_and_null_is_none():
    assert read("a: [no, 0, 1.0]\nclasses: null\ntitle: 2024") == {
        "a": [False, 0, 1.0],
        "classes": None,
        "title": "2024",
    }


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 1e-3), ("-2E5", -2e5), ("1.5e+3", 1500.0), ("1e", "1e"), ("3", 3)]
)
def test_floats_need_no_point(text, value):
    found = read(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["on: 1", "1: 1", "{no: {1: 2}}"])
def test_keys_are_text(text):
    assert all(isinstance(key, str) for key in read(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{a: 1, a: 2}", "'a' stands twice"),
        ("b: {a: 1, 'a': 2}", "'a' stands twice"),
        ("d: 2020-13-45", "month must be in 1..12"),
        ("k: !!python/object:os.system x", "python/object"),
        ("{[1]: 2}", "unhashable key"),
        ("{", "expected"),
    ],
)
def test_what_is_no_yaml(text, words):
    with pytest.raises(yaml.YAMLError) as caught:
        read(text)
    assert words in reason(caught.value)
    assert "\n" not in reason(caught.value)


def test_a_merged_mapping_and_a_tree_within_itself():
    assert read("a: &a {x: 1}\nb: {<<: *a, y: 2}")["b"] == {"x": 1, "y": 2}
    circle = read("&a [*a]")
    assert circle[0] is circle


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("classes=[no,yes]", ("classes", ["no", "yes"])),
        ("data.0.params.classes=[0, 1]", ("data.0.params.classes", ["0", "1"])),
        (" a = 1e-3 ", ("a", 1e-3)),
        ("a={b: [no]}", ("a", {"b": [False]})),
        ('title=""', ("title", "")),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_a_setting(written, value):
    assert setting(written, "file=my.csv") == value


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("file", "write key=value, such as file=my.csv"),
        ("=3", "write key=value"),
        ("file=", "no value; write file=VALUE"),
        ("file={", "the value is not YAML: expected"),
        ("file=2020-13-45", "the value is not YAML: month"),
        ("file=9223372036854775808", "the value is not YAML: a number of more than 64 bits"),
        ("file=" + "[" * 6000, "the value is not YAML: lists or mappings too deep"),
    ],
)
def test_a_setting_that_is_none_is_one_line(written, words):
    with pytest.raises(MedtailError) as caught:
        setting(written, "file=my.csv")
    assert f"--set {written}: " in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
