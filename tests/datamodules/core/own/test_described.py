"""Data of one's own in every form: the same table, whatever it is read from."""

import pickle

import numpy as np
import pytest
from PIL import Image

from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError, DataMissingError
from medtail.datamodules.core.pixels.window import Window
from tests.datamodules.core.own.files import CLASSES, dataset, label, many, pixels, table
from tests.twins import write_image

TABLE = {"source": "t.csv"}


def fails(module, *parts, error=DataError):
    with pytest.raises(error) as caught:
        module.prepare()
    text = str(caught.value)
    assert "\n" not in text
    assert all(part in text for part in parts), text


def facts_of(module):
    module.prepare()
    sizes = [len(module.rows(s)) for s in ("train", "val", "test")]
    return module.class_names, module.table.target.tolist(), sizes


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.tsv"])
def test_tables(tmp_path, name):
    place, rows = tmp_path / "skin", many(lambda n: f"p{n // 4}", lambda n: n % 7)
    rows = [(f"img/{r[0]}", *r[1:]) for r in rows]
    head = ("path", "dx", "Patient ID", "age")
    table(place, rows, head, name, delimiter="\t" if name == "t.tsv" else ",")
    said = {"source": name, "image": "path", "label": "dx", "group": "patient_id"}
    module = dataset(tmp_path, said)
    assert facts_of(module) == (CLASSES, [n % 2 for n in range(40)], [28, 4, 8])
    assert len(set(module.table.group)) == 10
    assert module.spec.name == "skin@natural"
    assert module.source == name


def test_ids_below_a_folder_of_images_with_and_without_endings(tmp_path):
    place, rows = tmp_path / "skin", many()
    for n, row in enumerate(rows):
        write_image(place / f"images/part_{n % 2}" / row[0], n)
    bare = [(r[0].removesuffix(".png"), *r[1:]) for r in rows]
    for given in (bare, rows):
        table(place, given, images=False)
        module = dataset(tmp_path, {**TABLE, "images": "images"})
        module.prepare()
        assert [p.name for p in module.table.path] == [r[0] for r in rows]
        assert [p.parent.name for p in module.table.path[:2]] == ["part_0", "part_1"]
    (place / "images/part_0/000.png").rename(place / "images/part_0/000.jpg")
    fails(module := dataset(tmp_path, {**TABLE, "images": "images"}), "1 of 40", "000.png",
          error=DataMissingError)  # fmt: skip
    assert not module.remarks.get("left out")


def test_no_place_of_a_machine_is_an_id(tmp_path):
    rows = [(str(tmp_path / "elsewhere/a" / r[0]), *r[1:]) for r in many()]
    table(tmp_path / "skin", rows)
    module = dataset(tmp_path, TABLE)
    module.prepare()
    assert module.table.id[0] == "000.png"
    rows = [(f"../elsewhere/{r[0]}", *r[1:]) for r in many()]
    mixed = [
        (str(tmp_path / "elsewhere" / r[0][13:]) if n else r[0], *r[1:]) for n, r in enumerate(rows)
    ]
    for given, expected in ((rows, "../elsewhere/000.png"), (mixed, "000.png")):
        table(tmp_path / "skin", given)
        module = dataset(tmp_path, TABLE)
        module.prepare()
        assert module.table.id[0] == expected
    table(tmp_path / "skin", [(*r, f"i{n}") for n, r in enumerate(rows)], ("image", "label", "id"))
    module = dataset(tmp_path, {**TABLE, "id": "id"})
    module.prepare()
    assert module.table.id[0] == "i0"
    assert str(tmp_path) not in card(module)


def test_groups_have_no_names_anywhere(tmp_path):
    table(tmp_path / "skin", many(lambda n: f"Ann {n // 4}"), ("image", "label", "patient"))
    module = dataset(tmp_path, {**TABLE, "group": "patient"})
    assert "Ann" not in card(module)
    assert not any("Ann" in group for group in module.table.group)
    assert b"Ann" not in pickle.dumps(module)
    assert "- groups: 10 of 40 images" in card(module)
    parts = many(lambda n: f"Ann {n // 4}", lambda n: ["train", "test"][n // 2 % 2])
    table(tmp_path / "skin", parts, ("image", "label", "patient", "split"))
    with pytest.raises(DataError, match="groups have images in both") as caught:
        dataset(tmp_path, {**TABLE, "group": "patient"}).prepare()
    assert "Ann" not in str(caught.value)
    assert ".png' and '0" in str(caught.value)


LOOKS = {
    "patient_id": ("group", lambda n: f"p{n // 4}"),
    " Lesion ": ("group", lambda n: f"l{n // 2}"),
    "fold": ("split", lambda n: n % 5),
    "phase": ("split", lambda n: ["Training", "Testing"][n % 2]),
}


@pytest.mark.parametrize("column", LOOKS)
def test_what_looks_like_more_has_to_be_used_or_refused(tmp_path, column):
    key, values = LOOKS[column]
    table(tmp_path / "skin", many(values), ("image", "label", column))
    name = column.strip()
    fails(
        dataset(tmp_path, TABLE),
        f"column '{name}' looks like a {key}",
        f"use it by `{key}: {name}` in skin/dataset.yaml",
        f"refuse it by `no_{key}: true`",
    )
    refused = dataset(tmp_path, {**TABLE, f"no_{key}": "true"})
    text = card(refused)
    assert f"- columns not used: {name}" in text
    assert ("- groups: none, as its owner says: split by image" in text) == (key == "group")


def test_columns_called_group_and_split_are_used(tmp_path):
    rows = many(lambda n: f"p{n // 4}", lambda n: ["TRAIN", "Val", "test"][n // 4 % 3])
    table(tmp_path / "skin", rows, ("image", "label", "Group", " Split"))
    module = dataset(tmp_path, TABLE)
    module.prepare()
    assert len(set(module.table.group)) == 10
    assert [len(module.rows(s)) for s in ("train", "val", "test")] == [16, 12, 12]


def test_a_coarser_group_than_that_called_group_is_not_passed_over(tmp_path):
    rows = many(lambda n: f"l{n // 2}", lambda n: f"p{n // 8}")
    table(tmp_path / "skin", rows, ("image", "label", "group", "patient"))
    fails(dataset(tmp_path, TABLE), "column 'patient' looks like a group")
    finer = dataset(tmp_path, {**TABLE, "group": "group"})
    assert "- columns not used: patient (coarser than the group)\n" in card(finer)
    rows = many(lambda n: f"p{n // 8}", lambda n: f"l{n // 2}")
    table(tmp_path / "skin", rows, ("image", "label", "group", "lesion"))
    assert "- columns not used: lesion\n" in card(dataset(tmp_path, TABLE))


def test_folds(tmp_path):
    table(tmp_path / "skin", many(lambda n: f"{n // 2 % 5}.0"), ("image", "label", "fold"))
    module = dataset(tmp_path, {**TABLE, "split": "fold", "test_fold": "0", "val_fold": "1"})
    module.prepare()
    assert [len(module.rows(s)) for s in ("train", "val", "test")] == [24, 8, 8]
    assert "split fold (test: 0) (val: 1)" in card(module)
    fails(dataset(tmp_path, {**TABLE, "split": "fold"}), "split '0' in column 'fold'",
          "by `test_fold: 0` in skin/dataset.yaml")  # fmt: skip


def test_lists_in_parquet_are_several_findings(tmp_path):
    rows = [(r[0], [r[1]]) for r in many()]
    table(tmp_path / "skin", rows, name="t.parquet")
    fails(dataset(tmp_path, {"source": "t.parquet"}), "column 'label' holds lists")


def test_labels_of_pandas(tmp_path):
    table(tmp_path / "skin", [(r[0], float(n % 3)) for n, r in enumerate(many())], name="t.parquet")
    module = dataset(tmp_path, {"source": "t.parquet", "classes": ["0", "1", "2"]})
    module.prepare()
    assert module.class_names == ("0", "1", "2")
    rows = [(r[0], float("nan") if n == 3 else 1.0 * (n % 2)) for n, r in enumerate(many())]
    table(tmp_path / "skin", rows, name="t.parquet")
    fails(dataset(tmp_path, {"source": "t.parquet"}), "1 rows have an empty label", "003.png")
    table(tmp_path / "skin", rows)
    fails(dataset(tmp_path, TABLE), "1 rows have an empty label", "003.png")


@pytest.mark.parametrize("written", ["NA", "n/a", "NULL", "<NA>"])
def test_a_label_that_says_there_is_none_is_no_class_unless_it_is_one(written, tmp_path):
    rows = [(name, written if n % 3 == 0 else said) for n, (name, said, *_) in enumerate(many())]
    table(tmp_path / "skin", rows)
    fails(dataset(tmp_path, TABLE), "empty label", f"written '{written}'; where that is a class: ")
    names = sorted({said for _, said in rows})
    module = dataset(tmp_path, {**TABLE, "classes": names})
    module.prepare()
    assert module.class_names == tuple(names)


def test_patients_of_whom_nothing_is_known_are_not_one_patient(tmp_path):
    rows = [(*row[:2], "NA" if n % 2 else f"p{n // 4}") for n, row in enumerate(many())]
    table(tmp_path / "skin", rows, ("image", "label", "patient"))
    module = dataset(tmp_path, {**TABLE, "group": "patient"})
    module.prepare()
    groups = module.table.group
    alone = [group for group in groups if group.startswith("image ")]
    assert len(alone) == len(set(alone)) == len(rows) // 2
    assert f"- no group is known of: {len(alone)} images, each by itself" in card(module)


def test_a_column_twice_and_a_byte_order_mark(tmp_path):
    path = table(tmp_path / "skin", many(label), ("image", "label", "label "))
    fails(dataset(tmp_path, TABLE), "t.csv: column 'label' stands twice")
    path = table(tmp_path / "skin", many(), (" image", "label "))
    path.write_text("\ufeff" + path.read_text())
    dataset(tmp_path, TABLE).prepare()


def test_rows_come_in_the_order_of_their_ids(tmp_path):
    table(tmp_path / "skin", many()[::-1])
    module = dataset(tmp_path, TABLE)
    module.prepare()
    assert module.table.id.tolist() == sorted(r[0] for r in many())
    assert module.table.target.tolist() == [n % 2 for n in range(40)]


def test_copies_are_excluded_where_the_file_says_so(tmp_path):
    rows = many(lambda n: ["train", "val", "test"][n // 2 % 3])
    table(tmp_path / "skin", rows, ("image", "label", "split"))
    Image.open(tmp_path / "skin/000.png").save(tmp_path / "skin/004.png")
    fails(dataset(tmp_path, TABLE), "images stand in both train and test")
    module = dataset(tmp_path, {**TABLE, "copies": "exclude"})
    module.prepare()
    assert (module.split == "excluded").sum() == 1
    fails(dataset(tmp_path, {**TABLE, "copies": "exclude"}, copies="refuse"), "stand in both train")


def test_rare_classes_are_classes(tmp_path):
    table(tmp_path / "skin", many())
    fails(dataset(tmp_path, {**TABLE, "rare": ["mel"]}), "rare: 'mel' is none of benign")
    module = dataset(tmp_path, {**TABLE, "rare": ["malignant"]})
    module.prepare()
    assert module.rare_names == ("malignant",)


def test_grey_levels_by_a_window(tmp_path):
    place = tmp_path / "skin"
    table(place, many(), images=False)
    shades = np.random.default_rng(0).integers(0, 4096, (40, 16, 16)).astype(np.uint16)
    for n, shade in enumerate(shades):
        Image.fromarray(shade).save(place / f"{n:03d}.png")
    fails(dataset(tmp_path, TABLE), "000.png", "window=[low, high]")
    module = dataset(tmp_path, {**TABLE, "window": "[0, 4095]", "channels": "1"})
    module.prepare()
    assert module.window == Window("range", 0, 4095)
    np.testing.assert_array_equal(module.store.images[..., 0], np.rint(shades / 4095 * 255))


def test_travels_to_another_process(tmp_path):
    table(tmp_path / "skin", many())
    there = pickle.loads(pickle.dumps(dataset(tmp_path, {**TABLE, "title": "Skin"})))
    there.prepare()
    assert (there.title, len(there.table)) == ("Skin", 40)


def test_missing_files_say_where_they_are_asked_for(tmp_path):
    fails(dataset(tmp_path, TABLE), "skin: ", "t.csv not found", "skin/dataset.yaml says where",
          error=DataMissingError)  # fmt: skip


def test_pixels_are_not_those_of_other_settings(tmp_path):
    table(tmp_path / "skin", many())
    paths = set()
    for channels in ("1", "3"):
        module = dataset(tmp_path, {**TABLE, "channels": channels})
        module.prepare()
        paths.add(module.store.path)
        assert module.spec.in_channels == int(channels)
    assert len(paths) == 2
    assert pixels(1, 2).dtype == np.uint8


def test_critical_classes_and_subgroups_change_nothing_but_what_is_shown(tmp_path):
    head = ("image", "label", "years", "Sex", "hospital")
    table(tmp_path / "skin", many(lambda n: n + 20, lambda n: "MF"[n % 2], lambda n: "A"), head)
    plain = dataset(tmp_path, TABLE)
    plain.prepare()
    assert (plain.critical, plain.subgroups()) == ((), {})
    said = {"critical": "malignant", "age": "years", "sex": "sex", "site": "hospital"}
    module = dataset(tmp_path, {**TABLE, **said})
    module.prepare()
    assert module.content == plain.content
    assert module.digest == plain.digest
    assert module.critical == ("malignant",)
    found = module.subgroups()
    assert [len(found[t]) for t in ("age", "sex", "site")] == [40, 40, 40]
    assert found["age"][:11] == ["under 30"] * 10 + ["30 to 49"]
    assert found["sex"][:2] == ["male", "female"]
    assert set(found["site"]) == {"a"}
    fails(dataset(tmp_path, {**TABLE, "critical": ["mel"]}), "critical: 'mel' is none of benign")
    fails(dataset(tmp_path, {**TABLE, "age": "born"}), "no column 'born'")
    fails(dataset(tmp_path, {**TABLE, "age": "hospital"}), "age 'a': write years")
