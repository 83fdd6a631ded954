"""The commands on datasets: what ``--set`` reads, and one line for each mistake in it."""

import errno
import re

import numpy as np
import pytest
from PIL import Image

from medtail import datamodules
from medtail.benchmark.cli import data
from medtail.datamodules.core.errors import MedtailError


@pytest.fixture
def table(tmp_path):
    """Thirty images that are called no and yes."""
    rows = ["image,label"]
    for i in range(30):
        noise = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{'no' if i % 3 else 'yes'}")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize("classes", ["no yes", "yes no"])
def test_class_names_are_text_whatever_yaml_thinks(table, tmp_path, monkeypatch, capsys, classes):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    written = f"classes=[{', '.join(classes.split())}]"
    data.card("image_table", "8", [f"file={table}", written])
    told = capsys.readouterr().out
    assert re.findall(r"^\| (no|yes) ", told, re.M) == classes.split()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("file={", "--set file={: the value is not YAML"),
        ("file=", "--set file=: no value"),
        ("file", "--set file: write key=value"),
        ("file=[1]", "image_table: file=[1]: give a path"),
        ("root=3", "image_table: root=3: give a path"),
        ("cache={a: b}", "image_table: cache={'a': 'b'}: give a path"),
        ("fil=a", "unknown argument of image_table 'fil': did you mean file"),
        ("image_size=3", "unknown argument of image_table 'image_size'"),
        ("name=3", "unknown argument of image_table 'name'"),
        ("split_seed=a", "split_seed='a': give a whole number"),
    ],
)
def test_a_mistake_in_a_setting_is_one_line(setting, words):
    with pytest.raises(MedtailError) as caught:
        data.card("image_table", "8", [setting])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dataset_whose_folder_is_closed_does_not_hide_the_others(monkeypatch, capsys):
    def closed(_):
        raise PermissionError(errno.EACCES, "Permission denied", "/data/pbc/labels.csv")

    monkeypatch.setattr(datamodules.registry()["pbc"], "load_table", closed)
    monkeypatch.setenv("COLUMNS", "200")
    data.status()
    told = capsys.readouterr().out
    assert re.search(r"pbc .*/data/pbc/labels\.csv: ", told)
    assert re.search(r"phantom +│ 3000 +│ ready", told)
