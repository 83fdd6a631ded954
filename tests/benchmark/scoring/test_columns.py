"""Columns are told by their content and names, however people write them."""

import csv

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtail.benchmark.scoring import scores_file
from medtail.benchmark.scoring.ids import Ids
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.tables import IDS, LOGITS, RNG, SHARES, read, shares_of, write
from tests.boards import NAMES


def same(path, table=SHARES, **changes):
    found = read(path, **changes)
    np.testing.assert_allclose(shares_of(found.logits[0]), table)
    return found


@pytest.mark.parametrize(
    "head",
    [
        ("image_id", "p_mel", "p_nv", "p_df"),
        ("filename", "prob_MEL", "prob_NV", "prob_DF"),
        ("Image", "mel_score", "nv_score", "df_score"),
        ("path", "pred_prob_mel", "pred_prob_nv", "pred_prob_df"),
        ("name", "class_0", "class_1", "class_2"),
        ("id", "logit_0", "logit_1", "logit_2"),
        ("id", "prob-mel", "prob nv", "Prob.df"),
        ("id", "mel_prob", "nv_prob", "df_prob"),
        ("anything", "Mel", "Nv", "Df"),
    ],
)
def test_classes_go_by_the_words_around_them(tmp_path, head):
    same(write(tmp_path / "a.csv", SHARES, head))


@pytest.mark.parametrize(
    "written",
    [
        "images/{}.jpg",
        r"C:\data\test\{}.PNG",
        "/data/part_1/{}.nii.gz",
        "{}.jpeg",
        "./{}",
    ],
)
def test_ids_may_have_folders_and_endings(tmp_path, written):
    path = write(tmp_path / "a.csv", SHARES, ids=[written.format(name) for name in IDS])
    assert same(path).notes[0] == "column 'id': matched by sample ids, 60 without folder or ending"


def test_ids_that_have_an_ending_are_found_without_one():
    known = Ids(["a/x.png", "b/x.png", "c/y.png", "z.1", "z.2"])
    assert known.find("root/a/x.png") == "a/x.png"
    assert known.find("x.png") is None  # of a or of b
    assert known.find("c/y.jpg") == "c/y.png"
    assert known.find("z.3") is None  # a number is no ending
    doubled = Ids(["x.png", "x.jpg"])
    assert (doubled.find("x.png"), doubled.find("x"), doubled.find("d/x.jpg")) == (
        *("x.png", None, "x.jpg"),
    )


def test_what_pandas_writes_is_read_with_its_index_and_columns_of_ones_own(tmp_path):
    table = pd.DataFrame(SHARES, columns=[f"prob_{name}" for name in NAMES])
    table.insert(0, "image", [f"images/{name}.jpg" for name in IDS])
    table["label"], table["fold"] = "mel", 3
    table["like"] = [IDS[1], IDS[0], *["none"] * 58]
    table.to_csv(tmp_path / "a.csv")
    found = same(tmp_path / "a.csv")
    assert "columns that count for nothing: without a name, label, fold, like" in found.notes
    table.to_csv(tmp_path / "b.csv", sep=";")
    same(tmp_path / "b.csv")
    table.to_csv(tmp_path / "c.csv", sep="\t")
    same(tmp_path / "c.csv")
    table.set_index("image").to_parquet(tmp_path / "d.parquet")
    same(tmp_path / "d.parquet")
    plain = table[["image", *[f"prob_{name}" for name in NAMES]]]
    plain.to_csv(tmp_path / "e.csv", header=False, index=False)
    assert same(tmp_path / "e.csv").notes[0].startswith("no header: matched by sample ids")
    plain.to_csv(tmp_path / "f.csv", header=False)  # with an index, and nothing that says so
    same(tmp_path / "f.csv")
    pd.DataFrame(np.column_stack([IDS, SHARES])).to_csv(tmp_path / "g.csv", index=False)
    same(tmp_path / "g.csv")  # under 0 to 3


def test_an_index_of_numbers_is_no_id_where_ids_are_numbers(tmp_path):
    ids = [str(n) for n in range(60)]
    order = RNG.permutation(60)
    table = pd.DataFrame(SHARES[order], columns=NAMES)
    table.insert(0, "case", order)
    table.to_csv(tmp_path / "a.csv")
    same(tmp_path / "a.csv", ids=ids)


def test_medmnist_is_matched_by_place_under_a_header_too(tmp_path):
    ids = [f"test_{n}" for n in range(60)]
    table = pd.DataFrame(SHARES, columns=[f"p{k}" for k in range(3)])
    table.iloc[RNG.permutation(60)].to_csv(tmp_path / "a.csv")
    found = same(tmp_path / "a.csv", ids=ids, dataset="bloodmnist")
    assert found.notes[0] == "column '': matched by place in the official test split"


@pytest.mark.parametrize("name", ["score", "anomaly_score", "abnormal", "y_score", "p_not mel"])
def test_one_score_of_two_classes_among_other_columns(tmp_path, name):
    head, classes = ("image", "label", name), ("mel", "not mel")
    table = np.column_stack([np.zeros(60), SHARES[:, 0]])
    path = write(tmp_path / "a.csv", table, head)
    if name == "y_score":  # no word that we know: better asked than guessed
        with pytest.raises(MedtailError, match="no class: label, y_score"):
            read(path, classes=classes)
        return
    found = read(path, classes=classes)
    np.testing.assert_allclose(shares_of(found.logits[0])[:, 1], SHARES[:, 0])
    assert "columns that count for nothing: label" in found.notes


def test_several_trainings_are_files_or_a_column(tmp_path):
    tables = [shares_of(LOGITS + RNG.normal(size=LOGITS.shape)) for _ in range(3)]
    paths = [write(tmp_path / f"{n}.csv", table) for n, table in enumerate(tables)]
    found = read(paths)
    assert (found.logits.shape, found.seeds) == ((3, 60, 3), ("0", "1", "2"))
    for one, table in zip(found.logits, tables, strict=True):
        np.testing.assert_allclose(shares_of(one), table)
    lines = [(42 + n, i, *row) for n, t in enumerate(tables) for i, row in zip(IDS, t, strict=True)]
    order = RNG.permutation(len(lines))
    whole = tmp_path / "whole.csv"
    with whole.open("w", newline="") as file:
        csv.writer(file).writerows([("Seed", "id", *NAMES), *(lines[n] for n in order)])
    again = read(whole)
    assert sorted(again.seeds) == ["42", "43", "44"]
    for seed, one in zip(again.seeds, again.logits, strict=True):
        np.testing.assert_allclose(shares_of(one), tables[int(seed) - 42])
    with pytest.raises(MedtailError, match=r"seed 4[234] stands in .*whole\.csv, too"):
        read([whole, whole])
    pd.read_csv(whole)[1:].to_csv(whole, index=False)
    with pytest.raises(MedtailError, match=r"seed 4[234]: 1 of 60 test samples are missing"):
        read(whole)
    logits = write(tmp_path / "logits.csv", LOGITS)
    with pytest.raises(MedtailError, match=r"0\.csv probabilities and .*logits\.csv logits"):
        read([paths[0], logits])


def test_ids_of_other_splits_are_said_to_be_so(tmp_path):
    elsewhere = {"t0": "train", "t1": "train", "v0": "val"}
    path = write(tmp_path / "a.csv", SHARES[:4], ids=("t0", "s000", "v0", "x"))
    wanted = scores_file.Wanted("fake", IDS, NAMES, elsewhere=lambda: elsewhere)
    with pytest.raises(
        MedtailError, match=r"3 ids are not of the test \(1 of train, 1 of val, 1 of no split\)"
    ):
        scores_file.read([path], wanted)


def test_numbers_of_parquet_have_the_digits_of_their_width(tmp_path):
    narrow = pa.table({"id": list(IDS), **{n: pa.array([0.33] * 60, pa.float32()) for n in NAMES}})
    pq.write_table(narrow, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").form == "probabilities"
