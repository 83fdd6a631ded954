"""Downloads as they unpack: the same table from every layout, and what is said of a near miss."""

import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from medtail import datamodules
from medtail.benchmark.cli.data import data_app
from medtail.datamodules import isic2018, isic2019
from medtail.datamodules.core.errors import DataError, DataMissingError
from tests.layouts import LAYOUTS, PARTS, ham_dataverse, ham_twice, move
from tests.twins import LISTS, TWINS, isic2018_kaggle, write_csv, write_image

CASES = [(name, layout) for name, layouts in LAYOUTS.items() for layout in layouts]


def read(name, root):
    module = datamodules.build(name, 16, root=root, cache=root / "cache")
    module.prepare()
    return module


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The module of a twin as ``tests.twins`` writes it, made once."""
    made = {}

    def build(name):
        if name not in made:
            root = tmp_path_factory.mktemp("plain")
            TWINS[name.partition("+")[0]](root)
            made[name] = read(name, root)
        return made[name]

    return build


@pytest.mark.parametrize(
    ("name", "layout"), CASES, ids=lambda value: getattr(value, "__name__", value)
)
def test_every_layout_gives_the_same_table_and_pixels(name, layout, plain, tmp_path):
    layout(tmp_path)
    module, expected = read(name, tmp_path), plain(name)
    assert module.table.id.tolist() == expected.table.id.tolist()
    assert module.table.target.tolist() == expected.table.target.tolist()
    assert np.array_equal(module.table.group, expected.table.group)
    assert module.split.tolist() == expected.split.tolist()
    assert module.class_names == expected.class_names
    assert (module.store.images == expected.store.images).all()


def refused(name, root, kind=DataMissingError):
    """The one line that is said of a dataset whose files are not all there."""
    with pytest.raises(DataError) as caught:
        read(name, root)
    text = str(caught.value)
    assert "\n" not in text
    assert isinstance(caught.value, kind)
    return text


DECLARED = [name for name, family in datamodules.registry().items() if family.layouts.labels]


def test_the_official_datasets_declare_their_layouts():
    assert set(DECLARED) >= {name for name in LAYOUTS if "+" not in name} - {"dermofit"}


@pytest.mark.parametrize("name", DECLARED)
def test_absent_files_list_every_layout_and_where_was_looked(name, tmp_path):
    text = refused(name, tmp_path)
    family = datamodules.get(name)
    for part in (*family.layouts.labels, *family.layouts.images):
        assert all(place in text for place in part.names)
        assert part.whose in text
    assert all(str(tmp_path / folder) in text for folder in family.folders)
    assert "there is no folder" not in text
    assert f"there is no folder {tmp_path / 'nowhere'}" in refused(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", DECLARED)
def test_images_that_are_not_there(name, tmp_path):
    """None at all, in an archive, and all but one: how many, the first, the folder."""
    TWINS[name](tmp_path)
    images = sorted(p for p in tmp_path.rglob("*.*") if p.suffix in (".jpg", ".png"))
    ids, folder = read(name, tmp_path).table.id, images[0].parents[-len(tmp_path.parts) - 1]
    gone = next(p for p in images if p.stem == ids[3])
    gone.unlink()
    text = refused(name, tmp_path)
    assert f"1 of {len(ids)} image files are missing below {folder}" in text
    assert f"the first is '{ids[3]}'" in text
    for path in images:
        path.unlink(missing_ok=True)
    (folder / "images.zip").write_text("packed")
    text = refused(name, tmp_path)
    assert f"none of {len(ids)} images is below {folder}" in text
    assert f"unpack {folder / 'images.zip'}" in text


@pytest.mark.parametrize(("name", "file"), [(n, f) for n in DECLARED for f in LISTS[n]])
def test_a_label_file_that_is_not_there(name, file, tmp_path):
    TWINS[name](tmp_path)
    (path,) = tmp_path.rglob(file)
    aside = path.with_suffix(".bak")
    path.rename(aside)
    others = [p for p in path.parent.glob("*.csv") if p.name in LISTS[name]]
    text = refused(name, tmp_path)
    assert file in text
    if others:
        assert f"no {file} with {others[0]}; looked in" in text
    aside.rename(path)
    text = path.read_text()
    path.write_text(re.sub("[,;]", "|", text))
    assert re.search(
        rf"{path}: no column '.*\|.*is it the right file", refused(name, tmp_path, DataError)
    )
    path.write_text(text.splitlines()[0])
    assert f"{path}: no row below the header" in refused(name, tmp_path, DataError)


@pytest.mark.parametrize(
    ("name", "file"), [("isic2019", isic2019.TRUTH), ("aptos2019", "train.csv")]
)
def test_a_list_that_was_cut_between_two_lines(name, file, tmp_path):
    """Nothing in the list says so, but images that stand in no row."""
    TWINS[name](tmp_path)
    path = tmp_path / name / file
    path.write_text("\n".join(path.read_text().splitlines()[:-5]))
    text = refused(name, tmp_path, DataError)
    assert re.search(rf"5 images below .* stand in no row of .*{file}.*is it cut off", text)


def test_two_tables_that_may_both_be_meant(tmp_path):
    isic2018_kaggle(tmp_path)
    path = tmp_path / "ham10000" / isic2018.METADATA
    copy = path.with_suffix(".tab")
    shutil.copy(path, copy)
    read("isic2018", tmp_path)  # the very same
    copy.write_text(path.read_text().replace(",nv,", ",mel,", 1))
    text = refused("isic2018", tmp_path, DataError)
    assert f"{path} and {copy} differ: both may be HAM10000_metadata.csv, keep one" in text
    move(copy, path.parent / "old" / copy.name)  # farther away: the nearer one is meant
    read("isic2018", tmp_path)


def test_the_best_spelled_of_two_folders(tmp_path):
    """A copy in small letters is not read where the other is whole, and helps where it is not."""
    ham_twice(tmp_path)
    folder = tmp_path / "ham10000"
    first = folder / PARTS[0] / "ISIC_0000000.jpg"
    write_image(folder / PARTS[0].lower() / first.name, 999)  # other pixels
    module = read("isic2018", tmp_path)
    assert module.table.path[0] == first
    first.unlink()
    assert read("isic2018", tmp_path).table.path[0].parent.name == PARTS[0].lower()


def test_two_images_of_one_id(tmp_path):
    ham_dataverse(tmp_path)
    write_image(tmp_path / "ham10000" / "resized" / "ISIC_0000000.png", 999)
    assert "two images are named 'ISIC_0000000'" in refused("isic2018", tmp_path, DataError)


def test_labels_are_taken_where_they_are_whole(tmp_path):
    TWINS["isic2018"](tmp_path)
    write_csv(tmp_path / "ham10000" / isic2018.TRUTH, ("image",), [("x",)])
    assert read("isic2018", tmp_path).source == "official JPEG"


def test_folders_that_link_to_each_other(tmp_path):
    TWINS["aptos2019"](tmp_path)
    (tmp_path / "aptos2019" / "loop").symlink_to(tmp_path / "aptos2019")
    (tmp_path / "aptos2019" / "nothing.csv").symlink_to(tmp_path / "gone.csv")
    assert len(read("aptos2019", tmp_path).table) > 0


def test_other_datasets_in_the_data_root_are_not_looked_through(tmp_path):
    """What lies in the folders of the root is another dataset's."""
    TWINS["aptos2019"](tmp_path)
    (tmp_path / "aptos2019").rename(tmp_path / "mine")
    assert "files not found" in refused("aptos2019", tmp_path)


def test_a_grade_between_two(tmp_path):
    TWINS["aptos2019"](tmp_path)
    path = tmp_path / "aptos2019" / "train.csv"
    path.write_text(path.read_text().replace(",2\n", ",2.5\n", 1))
    assert "label '2.5' of" in refused("aptos2019", tmp_path, DataError)


def test_status_is_short_and_get_tells_the_layouts(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")
    TWINS["aptos2019"](tmp_path)
    shutil.rmtree(tmp_path / "aptos2019" / "train_images")
    shown = CliRunner().invoke(data_app, ["status"]).output
    (line,) = [line for line in shown.splitlines() if " aptos2019 " in line]
    assert "none of 112 images is below" in line
    assert "train_1.csv" not in shown
    assert "medtail data get DATASET" in shown
    error = CliRunner().invoke(data_app, ["get", "aptos2019"]).exception
    assert "train_1.csv + valid.csv + test.csv" in str(error)
