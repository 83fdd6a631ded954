"""Folders of classes and npz archives as tables of text."""

import numpy as np
import pytest

from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.own.sheets import guessed_images, read
from tests.datamodules.core.own.files import dataset, many, pixels, table
from tests.datamodules.core.own.test_described import fails
from tests.twins import write_image

ONE = {"source": "a.npz", "image": "x", "label": "y"}
SPLIT = {"source": "a.npz", "image": "x_{split}", "label": "y_{split}"}


def archive(root, **arrays):
    (root / "skin").mkdir(exist_ok=True)
    np.savez_compressed(root / "skin/a.npz", **arrays)


def folder(root, *places):
    for n, place in enumerate(places):
        write_image(root / "skin/tree" / place, n)
    return {"source": "tree"}


def test_a_folder_for_each_class(tmp_path):
    said = folder(tmp_path, *(f"{['no', 'yes'][n % 2]}/{n}.png" for n in range(40)))
    (tmp_path / "skin/tree/no/Thumbs.db").write_text("")
    module = dataset(tmp_path, said)
    module.prepare()
    assert module.class_names == ("no", "yes")
    assert module.table.id[0] == "no/0.png"
    assert module.table.split is None
    assert module.table.group is None


def test_folders_of_splits_are_no_classes(tmp_path):
    parts = ("Training", "valid", "TEST")
    places = [f"{parts[n // 2 % 3]}/{'ab'[n % 2]}/{n}.png" for n in range(60)]
    module = dataset(tmp_path, folder(tmp_path, *places))
    module.prepare()
    assert module.class_names == ("a", "b")
    assert [len(module.rows(s)) for s in ("train", "val", "test")] == [20, 20, 20]
    own = dataset(tmp_path, {"source": "tree", "no_split": "true"})
    own.prepare()
    assert [len(own.rows(s)) for s in ("train", "val", "test")] == [42, 6, 12]


def test_one_folder_called_train_is_a_class_among_others(tmp_path):
    module = dataset(tmp_path, folder(tmp_path, *(f"{['train', 'bus'][n % 2]}/{n}.png"
                                                  for n in range(40))))  # fmt: skip
    module.prepare()
    assert module.class_names == ("bus", "train")


def test_folders_within_those_of_classes_have_to_be_used_or_refused(tmp_path):
    said = folder(tmp_path, *(f"{'ab'[n % 2]}/p{n // 4}/{n}.png" for n in range(40)))
    fails(dataset(tmp_path, said), "column 'folder' looks like a group", "`group: folder`")
    module = dataset(tmp_path, {**said, "group": "folder"})
    assert "- columns: group folder" in card(module)
    assert len(set(module.table.group)) == 20
    assert "- columns not used: folder" in card(dataset(tmp_path, {**said, "no_group": "true"}))


def test_an_image_beside_the_folders_of_classes_has_no_class(tmp_path):
    said = folder(tmp_path, "a/0.png", "b/1.png", "2.png")
    fails(dataset(tmp_path, said), "2.png lies in no class's folder")
    (tmp_path / "skin/empty").mkdir()
    fails(dataset(tmp_path, {"source": "empty"}), "no image in it")


def test_a_table_beside_the_one_folder_of_images_is_named(tmp_path):
    said = folder(tmp_path, "images/0.png", "images/1.png")
    (tmp_path / "skin/tree/labels.csv").write_text("image,label\n0.png,a\n1.png,b\n")
    fails(dataset(tmp_path, said), "one folder, 'images'", "give that: ", "tree/labels.csv")


def test_an_archive_of_one_array(tmp_path):
    x, y = pixels(60, 16, 16, 3), np.array(["b", "a"])[np.arange(60) % 2]
    archive(tmp_path, x=x, y=y, case=np.arange(60) // 4, part=np.array(["train", "test"] * 30))
    fails(dataset(tmp_path, ONE), "column 'case' looks like a group")
    fails(dataset(tmp_path, {**ONE, "no_group": "true"}), "column 'part' looks like a split")
    module = dataset(tmp_path, {**ONE, "group": "case", "no_split": "true"})
    module.prepare()
    assert module.class_names == ("a", "b")
    assert module.table.id[:2].tolist() == ["0", "1"]
    np.testing.assert_array_equal(module.store.images, x)
    np.testing.assert_array_equal(module.read_image(5), x[5])
    np.testing.assert_array_equal(module.read_image(2), x[2])
    assert len(set(module.table.group)) == 15


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "valid", "TEST"), ("training", "dev", "testing")]
)
def test_an_archive_of_the_arrays_of_splits(tmp_path, names):
    arrays = {f"x_{s}": pixels(20 + n, 16, 16, seed=n) for n, s in enumerate(names)}
    arrays |= {f"y_{s}": (np.arange(20 + n) % 2)[:, None] for n, s in enumerate(names)}
    archive(tmp_path, **arrays)
    assert guessed_images(tmp_path / "skin/a.npz") == ["x_{split}"]
    module = dataset(tmp_path, {**SPLIT, "channels": "1"})
    module.prepare()
    assert [len(module.rows(s)) for s in ("train", "val", "test")] == [20, 21, 22]
    assert module.table.id[20] == "val_0"
    images = np.concatenate([arrays[f"x_{s}"] for s in names])
    np.testing.assert_array_equal(module.store.images[..., 0], images)
    assert module.table.target.tolist() == [k % 2 for n in range(3) for k in range(20 + n)]


def test_arrays_of_any_name_by_a_mapping(tmp_path):
    archive(tmp_path, a=pixels(30, 3, 16, 16), b=pixels(20, 3, 16, 16, seed=1),
            la=np.arange(30) % 2, lb=np.arange(20) % 2, pa=np.arange(30) // 3,
            pb=np.arange(20) // 2 + 50)  # fmt: skip
    said = {"source": "a.npz", "image": {"train": "a", "test": "b"}}
    said |= {"label": {"train": "la", "test": "lb"}, "group": {"train": "pa", "test": "pb"}}
    module = dataset(tmp_path, said)
    module.prepare()
    assert len(module.rows("test")) == 20
    assert len(module.rows("train")) + len(module.rows("val")) == 30
    assert len(set(module.table.group)) == 20
    first = np.load(tmp_path / "skin/a.npz")["a"][0].transpose(1, 2, 0)
    np.testing.assert_array_equal(module.store.images[0], first)


def test_labels_of_an_archive(tmp_path):
    x = pixels(40, 16, 16)
    archive(tmp_path, x=x, y=np.eye(2)[np.arange(40) % 2])
    module = dataset(tmp_path, ONE)
    module.prepare()
    assert module.table.target.tolist() == [n % 2 for n in range(40)]
    archive(tmp_path, x=x, y=np.ones((40, 3), int))
    fails(dataset(tmp_path, ONE), "column 'y' holds lists")
    archive(tmp_path, x=x, y=np.array([b"a", b"b"] * 20))
    module = dataset(tmp_path, ONE)
    module.prepare()
    assert module.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": (40, 16, 16), "y": (39,)}, "no column 'y'"),
        ({"x": (40,), "y": (40,)}, "'x' has the shape [40]: no images"),
        ({"z": (40, 16, 16), "y": (40,)}, "no array 'x' (there are z, y)"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, words):
    archive(tmp_path, **{name: np.zeros(shape, np.uint8) for name, shape in arrays.items()})
    fails(dataset(tmp_path, ONE), words)


def test_objects_and_other_numbers_in_an_archive_are_one_line(tmp_path):
    archive(tmp_path, x=pixels(40, 16, 16), y=np.array(["a", 1] * 20, object))
    fails(dataset(tmp_path, ONE), "a.npz", "broken, or no npz with")
    archive(tmp_path, x=pixels(40, 16, 16).astype(np.uint16), y=np.arange(40) % 2)
    fails(dataset(tmp_path, ONE), "uint16")
    (tmp_path / "skin/a.npz").write_bytes(b"PK")
    fails(dataset(tmp_path, ONE), "broken, or no npz")


def test_files_of_another_kind(tmp_path):
    table(tmp_path / "skin", many(), name="t.xlsx")
    fails(dataset(tmp_path, {"source": "t.xlsx"}), "t.xlsx: give a table (.csv")
    with pytest.raises(DataError, match="no row"):
        read(table(tmp_path / "skin", []), {})
