"""Frozen features as terms: their content and the head are in a cell's identity, no place is."""

import json

import numpy as np
import pytest

from medtail.benchmark.boards.terms import describe
from medtail.benchmark.grid.again import suite_text
from medtail.benchmark.grid.cell import Cell
from medtail.benchmark.grid.files import load
from medtail.benchmark.networks.images import rows_of
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.features.own import written
from tests.damage import no_utf_8

SUITE = "methods: [erm]\ndata:\n  - phantom@natural\nimage_size: 32\n"
FROZEN = "budget: {tune: frozen}\n"


@pytest.fixture
def cells(tmp_path):
    def read(text, *overrides):
        path = tmp_path / "mine.yaml"
        path.write_text(SUITE + text)
        return list(load(str(path), overrides).cells())

    return read


@pytest.fixture
def file(tmp_path):
    return written(tmp_path / "uni.parquet", ["a", "b"], np.ones((2, 3)))


def test_the_file_is_in_the_identity_and_its_place_is_not(cells, file, tmp_path):
    (plain,), (before,) = cells(""), cells(f"features: {file}\n")
    assert before.id != plain.id
    assert before.terms.backbone == "uni"
    assert before.terms.budget.tune == "frozen"
    there = tmp_path / "there"
    there.mkdir()
    file.rename(there / "uni.parquet")
    (moved,) = cells(f"features: {there}/uni.parquet\n")
    assert moved.id == before.id
    assert str(tmp_path) not in json.dumps(moved.model_dump(mode="json"))
    written(file, ["a", "b"], np.zeros((2, 3)))
    (other,) = cells(f"features: {file}\n")
    assert other.id != before.id
    assert Cell.model_validate_json(before.model_dump_json()).id == before.id


def test_head_tune_and_views_are_in_the_identity(cells, tmp_path):
    twice = written(tmp_path / "uni.parquet", ["a", "a"], np.ones((2, 3)))
    texts = (
        FROZEN,
        FROZEN + "head: mlp\n",
        FROZEN + "head: cosine\n",
        "budget: {tune: head}\n",
        FROZEN + "augment: none\n",
        f"features: {twice}\n",
        f"features: {twice}\nhead: mlp\n",
        f"features: {twice}\naugment: none\n",
    )
    ids = [cells(text)[0].id for text in texts]
    assert len(set(ids)) == len(ids)


def test_features_and_tables_whose_text_is_no_utf_8_are_one_line(cells, tmp_path):
    path = no_utf_8(tmp_path / "uni.parquet", id=["a", "b"], vector=["x", "y"], image=["0", "1"])
    with pytest.raises(MedtailError, match="UTF8"):
        cells(f"features: {path}\n")
    with pytest.raises(MedtailError, match="UTF8"):
        rows_of(path, "image")


def test_of_one_view_augmentation_is_none(cells, file):
    (one,) = cells(f"features: {file}\n")
    (other,) = cells(f"features: {file}\naugment: none\n")
    assert one.terms.augment == "none"
    assert one.id == other.id


def test_a_table_may_have_its_own(cells, file):
    own = f"{{name: phantom@lt100, features: {file}, head: mlp}}"
    two = cells("", f"data=[phantom@natural, {own}]")
    assert [c.terms.budget.tune for c in two] == ["all", "frozen"]
    assert [c.terms.head for c in two] == ["linear", "mlp"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("head: mlp\n", "head: mlp goes with tune: frozen"),
        (FROZEN + "augment: standard\n", "augment: standard has no end of images"),
        ("budget: {tune: frozen, layer_decay: 0.5}\n", "layer_decay goes with tune: all"),
        ("features: nowhere.parquet\n", "features nowhere.parquet: no such file"),
        ("features: FILE\nbackbone: resnet18\n", "backbone says how images become features"),
        ("features: FILE\nweights: timm\n", "weights says how images become features"),
        ("features: FILE\naugment: standard\n", "augment: standard"),
        ("head: hidden\n", "head"),
    ],
)
def test_a_mistake_is_one_line(cells, file, text, words):
    with pytest.raises(MedtailError) as caught:
        cells(text.replace("FILE", str(file)))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_row_once_more_is_the_same_cell(cells, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in (FROZEN + "head: mlp\n", f"features: {file}\nhead: cosine\n"):
        (cell,) = cells(text)
        path = tmp_path / "again.yaml"
        path.write_text(suite_text([cell]))
        (again,) = load(str(path)).cells()
        assert again.id == cell.id


def test_a_board_says_what_a_network_was_given(cells, file):
    (own,) = cells(f"features: {file}\nhead: mlp\n")
    told = " ".join(describe(own.terms))
    assert f"features of uni (SHA-256 {own.terms.features.sha256[:8]})" in told
    assert "head mlp" in told
    assert "px" not in told
    (frozen,) = cells(FROZEN)
    told = " ".join(describe(frozen.terms))
    assert "head linear" in told
    assert "backbone frozen" in told
    assert "head" not in " ".join(describe(cells("")[0].terms))
