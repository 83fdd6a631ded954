"""Datasets of a table ``labels.csv``: published counts, other layouts, and what each does."""

import re
from collections import Counter

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError, DataMissingError
from medtail.datamodules.core.splitting.splits import group_split
from tests.layouts import in_folder, move, shout
from tests.twins import LISTED, TWINS

PUBLISHED = {
    "pbc": {
        "basophil": 1212, "eosinophil": 3110, "erythroblast": 1551, "ig": 2892, "lymphocyte": 1214,
        "monocyte": 1419, "neutrophil": 3328, "platelet": 2348,
    },
    "chula_rbc12": {
        "normal": 6259, "spherocyte": 3435, "target_cell": 2687, "ovalocyte": 2123,
        "stomatocyte": 1926, "hypochromia": 1052, "schistocyte": 893, "burr_cell": 785,
        "macrocyte": 599, "microcyte": 461, "teardrop": 307, "uncategorised": 184,
    },
    "oct_mx": {"no_dme": 938, "dme": 163},
    "pocus_lung": {
        "regular": 597, "bacterial_pneumonia": 378, "covid19": 224, "viral_pneumonia": 50,
    },
    "shoulder_implants": {"depuy": 294, "zimmer": 149, "cofield": 83, "tornier": 71},
    "covid_cxr": {"covid19": 198, "bacterial": 31, "fungal": 12, "no_finding": 12},
}  # fmt: skip
# Of 104 patients of POCUS, two are taken for one.
GROUPS = {"chula_rbc12": 568, "oct_mx": 820, "pocus_lung": 104 - 1, "covid_cxr": 139}


def built(name, root):
    return datamodules.build(name, 28, root=root, cache=root / "cache")


def read(name, root):
    module = built(name, root)
    module.prepare()
    return module


def cell(root, slug, line, column, value):
    """Write a value into the table of a twin; lines count from 0, below the header."""
    path = root / slug / "labels.csv"
    rows = [row.split(",") for row in path.read_text().splitlines()]
    rows[line + 1][rows[0].index(column)] = value
    path.write_text("\n".join(map(",".join, rows)))
    return rows[line + 1][0]


@pytest.mark.real
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_tables_have_the_published_counts(name, real_data, tmp_path):
    module = datamodules.build(name, 28, root=real_data, cache=tmp_path)
    table = module.load_table()
    names = module.class_names
    assert Counter(names[k] for k in table.target) == PUBLISHED[name]
    groups = None if table.group is None else len(set(table.group))
    assert groups == GROUPS.get(name)
    assert all(path.parent.name == "images" for path in table.path)


def elsewhere(root, slug):
    """Images in folders of any name, the table in one of its own."""
    folder = move(root / slug, root / slug.replace("_", "-").upper())
    in_folder(folder / "labels.csv")
    move(folder / "images", folder / "any" / "jpg")
    shout(folder)


@pytest.mark.parametrize("slug", LISTED)
def test_another_layout_gives_the_same_table(slug, tmp_path):
    TWINS[slug](tmp_path)
    first = built(slug, tmp_path).load_table()
    elsewhere(tmp_path, slug)
    again = built(slug, tmp_path).load_table()
    assert first.id.tolist() == again.id.tolist()
    assert first.target.tolist() == again.target.tolist()
    assert np.array_equal(first.group, again.group)
    assert np.array_equal(first.split, again.split)


def pbc_as_it_unpacks(root):
    folder = root / "pbc"
    (folder / "labels.csv").unlink()
    for path in list((folder / "images").iterdir()):
        move(path, folder / "PBC_normal" / path.name.partition(".")[0].title() / path.name)
    (folder / "PBC_normal" / "Ig" / ".DS_1.jpg").write_text("no image")


def test_pbc_as_it_unpacks_gives_the_same_table(tmp_path):
    TWINS["pbc"](tmp_path)
    first = read("pbc", tmp_path)
    pbc_as_it_unpacks(tmp_path)
    again = read("pbc", tmp_path)
    assert first.table.id.tolist() == again.table.id.tolist()
    assert first.table.target.tolist() == again.table.target.tolist()
    assert first.split.tolist() == again.split.tolist()
    assert again.source == "JPEG of the download, whole"
    assert "groups are" in card(again)


def test_a_copy_in_the_download_is_in_one_split(tmp_path):
    """As BNE_191112 = EO_225902, which has two labels."""
    TWINS["pbc"](tmp_path)
    pbc_as_it_unpacks(tmp_path)
    module = read("pbc", tmp_path)
    tested = module.table.path[module.rows("test")[0]]
    trained = module.table.path[module.rows("train")[0]]
    trained.write_bytes(tested.read_bytes())
    again = read("pbc", tmp_path)
    assert "excluded" in again.split[again.table.id == trained.stem]
    assert "Excluded, as copies of images in val or test: 1." in card(again)


def test_two_patients_of_one_recording_are_one(tmp_path):
    TWINS["pocus_lung"](tmp_path)
    cell(tmp_path, "pocus_lung", 0, "group", "p192")
    cell(tmp_path, "pocus_lung", 30, "group", "p198")
    groups = built("pocus_lung", tmp_path).load_table().group.tolist()
    assert (groups.count("p192"), "p198" in groups) == (2, False)


def test_an_image_without_a_patient_is_its_own(tmp_path):
    TWINS["oct_mx"](tmp_path)
    names = [cell(tmp_path, "oct_mx", line, "group", " ") for line in (0, 1)]
    groups = built("oct_mx", tmp_path).load_table().group.tolist()
    assert all(groups.count(f"image {name.removesuffix('.jpg')}") == 1 for name in names)


def test_licences_are_counted(tmp_path):
    TWINS["pocus_lung"](tmp_path)
    path = tmp_path / "pocus_lung" / "labels.csv"
    assert "by licence" not in card(read("pocus_lung", tmp_path))
    head, *rows = path.read_text().splitlines()
    said = ["CC BY 4.0", "CC BY-NC 4.0", ""]
    lines = [f"{row},{said[min(n, 2)]}" for n, row in enumerate(rows)]
    path.write_text("\n".join([f"{head},licence", *lines]))
    text = card(read("pocus_lung", tmp_path))
    told = f"images by licence: none {len(rows) - 2}, CC BY 4.0 1, CC BY-NC 4.0 1"
    assert told in text


@pytest.mark.parametrize("slug", LISTED)
def test_a_label_that_is_none(slug, tmp_path):
    TWINS[slug](tmp_path)
    name = cell(tmp_path, slug, 3, "label", "other")
    odd = re.escape(f"label 'other' of '{name.removesuffix('.jpg')}' is out of range")
    with pytest.raises(DataError, match=odd):
        read(slug, tmp_path)


def test_a_common_table_in_the_data_root_is_not_taken(tmp_path):
    """``labels.csv`` may be of anything there."""
    TWINS["pbc"](tmp_path)
    for path in (tmp_path / "pbc").iterdir():
        path.rename(tmp_path / path.name)
    with pytest.raises(DataMissingError, match="files not found"):
        read("pbc", tmp_path)


def test_what_stands_beside_images_is_read_where_it_is_there(tmp_path):
    TWINS["covid_cxr"](tmp_path)
    path = tmp_path / "covid_cxr" / "labels.csv"
    assert read("covid_cxr", tmp_path).beside() == {}
    head, *rows = path.read_text().splitlines()
    more = [f"{row},{'PA' if n % 2 else 'AP'},https://a.org/{n}" for n, row in enumerate(rows)]
    path.write_text("\n".join([f"{head},view,url", *more[::-1]]))
    module = read("covid_cxr", tmp_path)
    found = module.beside()
    assert set(found) == {"view", "origin"}
    assert set(found["origin"]) == {"a.org"}, "an address names an image"
    lines = [row.split(",")[0].removesuffix(".jpg") for row in rows]
    views = {name: "PA" if n % 2 else "AP" for n, name in enumerate(lines)}
    assert found["view"] == [views[name] for name in module.table.id.tolist()]
    assert read("pbc", made_pbc(tmp_path)).beside() == {}


def made_pbc(root):
    TWINS["pbc"](root)
    return pbc_as_it_unpacks(root) or root


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_split_by_image_is_had_under_a_marked_name_only(name, tmp_path):
    TWINS[name](tmp_path)
    honest, leaky = read(name, tmp_path), read(f"{name}+leaky_image", tmp_path)
    assert honest.table.id.tolist() == leaky.table.id.tolist()  # features serve both
    parted = [set(m.split[m.table.group == g]) for m in (honest, leaky) for g in m.table.group]
    whole, torn = parted[: len(honest.table)], parted[len(honest.table) :]
    assert all(len(parts) == 1 for parts in whole)
    assert any(len(parts) > 1 for parts in torn)
    assert (leaky.split == group_split(leaky.table.target, leaky.table.id, 0)).all()
    assert "THIS SPLIT LEAKS" in card(leaky)
