"""Anybody's own table, and every error of its data: one clear line each, before training."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet as pq

from medtail import datamodules
from medtail.datamodules.core.errors import DataError, DataMissingError, MedtailError
from tests.twins import image_table_twin, write_csv, write_image


@pytest.fixture
def table(tmp_path):
    """Writes images and a table of them; gives a builder."""

    def make(rows, head=("image", "label"), name="images.csv", images=True, **arguments):
        if images:
            for n, row in enumerate(rows):
                if row[0] and not (tmp_path / row[0]).exists():
                    write_image(tmp_path / row[0], n)
        if name.endswith("parquet"):
            columns = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
            pq.write_table(pa.table(columns), tmp_path / name)
        else:
            write_csv(tmp_path / name, head, rows)
        regime = arguments.pop("as_name", "image_table@natural")
        return datamodules.build(
            regime, 16, file=tmp_path / name, cache=tmp_path / "cache", **arguments
        )

    return make


def many(label=lambda n: "ab"[n % 2], amount=40):
    return [(f"{n:03d}.png", label(n)) for n in range(amount)]


def fails(module, *parts, error=DataError):
    with pytest.raises(error) as caught:
        module.prepare()
    text = str(caught.value)
    assert "\n" not in text
    assert all(part in text for part in parts), text


def test_string_labels_sorted(table):
    module = table(many(lambda n: ["naevus", "melanoma"][n % 2]))
    module.prepare()
    assert module.class_names == ("melanoma", "naevus")
    assert module.table.path[0].name == "000.png"


def test_numbers_sort_as_numbers(table):
    module = table(many(lambda n: str([10, 9, 2][n % 3]), 60))
    module.prepare()
    assert module.class_names == ("2", "9", "10")


@pytest.mark.parametrize("label", [lambda n: "ab"[n % 2], lambda n: n % 2])
def test_given_classes_by_name_or_place(table, label):
    module = table(many(label), classes=("b", "a") if label(0) == "a" else ("a", "b"))
    module.prepare()
    assert module.table.target[0] == (1 if label(0) == "a" else 0)


def test_parquet_is_the_same_as_csv(table):
    rows = [(*row, f"p{n // 2}") for n, row in enumerate(many())]
    head = ("image", "label", "group")
    first, second = table(rows, head), table(rows, head, name="images.parquet")
    first.prepare(), second.prepare()
    assert first.digest == second.digest
    assert first.table.target.tolist() == second.table.target.tolist()


def test_given_split_is_kept_and_validation_carved(table):
    rows = [(*row, "test" if n < 10 else "train") for n, row in enumerate(many())]
    module = table(rows, ("image", "label", "split"))
    module.prepare()
    assert [str(i) for i in module.table.id[module.rows("test")]] == [r[0] for r in rows[:10]]
    assert len(module.rows("val")) > 0


def test_empty_group_is_its_own(table):
    rows = [(*row, "" if n < 30 else "p") for n, row in enumerate(many())]
    module = table(rows, ("image", "label", "group"))
    module.prepare()
    assert len(set(module.table.group)) == 31


def test_errors_of_the_table(table, tmp_path):
    fails(table(many(), ("image", "class")), "no column 'label'", "images.csv")
    fails(table([*many(), ("x.png", "")]), "empty label", "x.png")
    fails(table([*many(), ("", "a")]), "line 42", "empty image")
    fails(table([*many(), many()[0]]), "line 42: '000.png' stands already", "line 2: keep one")
    fails(table([*many(), many()[0]], name="a.parquet"), "row 41: '000.png'", "row 1: keep one")
    fails(table([*many(), ("x.png",)]), "images.csv, line 42: too few columns")
    fails(table([*many(), ("x.png", "a", "", "b")]), "line 42: too many columns", "b")
    table([*many(), ("x.png", "a", "", "")]).prepare()
    fails(table(many(lambda n: "a")), "one class only")
    fails(table([*many(), ("y.png", "c")], classes=("a", "b")), "'c'", "y.png", "out of range")
    fails(table(many(lambda n: n % 3), classes=("a", "b")), "'2'", "out of range")
    rows = [(*row, "drain") for row in many()]
    fails(table(rows, ("image", "label", "split")), "split 'drain'", "train, val, test")
    fails(table([], images=False), "no row")


def test_classes_are_a_list():
    with pytest.raises(MedtailError, match="classes='ab': give a list"):
        datamodules.build("image_table", classes="ab")


def test_no_file():
    fails(datamodules.build("image_table"), "no file given", "image", error=DataMissingError)
    module = datamodules.build("image_table", file="nowhere.csv")
    fails(module, "nowhere.csv not found", error=DataMissingError)


def test_missing_image(table):
    fails(table(many(), images=False), "40 of 40", "000.png", error=DataMissingError)


def test_corrupt_image(table, tmp_path):
    module = table(many())
    (tmp_path / "007.png").write_bytes(b"no image")
    fails(module, "unreadable image", "007.png")
    write_image(tmp_path / "007.png", 7)
    module.prepare()


def test_image_of_16_bits(table, tmp_path):
    module = table(many())
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(tmp_path / "007.png")
    fails(module, "007.png", "I;16", "window=[low, high]", "p1-p99")


def test_window_frame_and_channels(table, tmp_path):
    """They are part of what the pixels are: each has its own cache and its own recipe."""
    shades = np.random.default_rng(0).integers(0, 4096, (40, 16, 16)).astype(np.uint16)
    for n, shade in enumerate(shades):
        pages = [Image.fromarray(page) for page in (shade, 4095 - shade)]
        pages[0].save(tmp_path / f"{n:03d}.tif", save_all=True, append_images=pages[1:])
    rows = [(f"{n:03d}.tif", "ab"[n % 2]) for n in range(40)]
    stores, recipes = set(), set()
    for window, frame, channels in (
        ([0, 4095], 0, 1), ([0, 4095], 1, 1), ([0, 2000], 0, 1), ([0, 4095], 0, 3),
    ):  # fmt: skip
        module = table(
            rows, images=False, window=window, frame=frame, channels=channels, copies="refuse"
        )
        module.prepare()
        assert module.spec.in_channels == channels
        page = shades if frame == 0 else 4095 - shades
        expected = np.rint(np.clip(page / window[1], 0, 1) * 255)
        np.testing.assert_array_equal(module.store.images[..., -1], expected)
        stores.add(module.store.path)
        recipes.add(module.recipe + str(channels))
    assert len(stores) == len(recipes) == 4
    assert "window [0, 4095], frame 0" in module.recipe
    fails(table(rows, images=False, window="p1-p99"), "000.tif", "stack of 2", "(and 39 more)")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"window": "lung"}, "window: lung: write"), ({"frame": -1}, "frame: -1: give a whole"),
        ({"channels": 2}, "channels: 2: write 1 or 3"), ({"copies": "keep"}, "refuse or exclude"),
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing(table, given, words):
    with pytest.raises(MedtailError, match=words):
        table(many(), **given)


def test_a_folder_for_an_image_is_refused(table, tmp_path):
    module = table(many())
    (tmp_path / "005.png").unlink()
    (tmp_path / "005.png").mkdir()
    fails(module, "005.png is a folder", "of a series, name one file")


def test_truncated_image(table, tmp_path):
    module = table(many())
    path = tmp_path / "008.png"
    path.write_bytes(path.read_bytes()[:200])
    fails(module, "unreadable image", "008.png")


def test_class_without_training_image(table):
    rows = [(*row, ["train", "val", "test"][n % 3]) for n, row in enumerate(many())]
    rows += [("r.png", "rare", "test")]
    fails(table(rows, ("image", "label", "split")), "no training image of class rare")


def test_groups_across_given_splits_need_a_marked_name(table):
    head = ("image", "label", "group", "split")
    rows = [(*row, f"p{n // 4}", ["train", "val", "test"][n % 3]) for n, row in enumerate(many())]
    fails(
        table(rows, head),
        "the split leaks",
        "10 groups have images in both train and val",
        "'009.png'",
    )
    marked = table(rows, head, as_name="image_table+leaky_given@natural")
    marked.prepare()
    assert marked.spec.name == "image_table+leaky_given@natural"


def test_copies_across_splits_are_refused(table, tmp_path):
    rows = [(*row, ["train", "val", "test"][n // 4 % 3]) for n, row in enumerate(many())]
    module = table(rows, ("image", "label", "split"))
    Image.open(tmp_path / "000.png").save(tmp_path / "008.png")
    fails(module, "the split leaks", "train and test", "000.png", "008.png")


def test_unknown_regime_and_variant(table):
    for name, why in (("+clean", "unknown variant"), ("@tail5", "unknown regime")):
        with pytest.raises(MedtailError, match=why):
            table(many(), as_name=f"image_table{name}")
    fails(table(many(), as_name="image_table@lt500"), "without a training image", "smaller ratio")


def test_split_does_not_depend_on_the_order_of_rows(tmp_path):
    image_table_twin(tmp_path)
    digests = set()
    for seed in range(3):
        lines = (tmp_path / "images.csv").read_text().splitlines()
        order = np.random.default_rng(seed).permutation(len(lines) - 1) + 1
        other = tmp_path / f"other{seed}.csv"
        other.write_text("\n".join([lines[0], *(lines[i] for i in order)]))
        module = datamodules.build("image_table", 16, file=other, cache=tmp_path / "cache")
        module.prepare()
        digests.add(module.digest)
    assert len(digests) == 1
