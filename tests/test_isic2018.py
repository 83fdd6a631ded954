"""HAM10000 in its three layouts, and its leaking splits."""

import csv

import numpy as np
import pytest
from twins import ham_ids, isic2018_kaggle, isic2018_npz, isic2018_official, write_csv

import datamodules
from datamodules import isic2018
from datamodules.core.card import card
from datamodules.core.errors import DataError

HAM = {"MEL": 1113, "NV": 6705, "BCC": 514, "AKIEC": 327, "BKL": 1099, "DF": 115, "VASC": 142}


def built(root, name="isic2018", size=28):
    module = datamodules.build(name, size, root=root, cache=root / "cache")
    module.prepare()
    return module


def test_layouts_give_the_same_table_and_split(tmp_path):
    writers = (isic2018_official, isic2018_kaggle, isic2018_npz)
    modules = []
    for n, write in enumerate(writers):
        write(tmp_path / str(n))
        modules.append(built(tmp_path / str(n)))
    assert [m.source for m in modules] == ["official JPEG", "Kaggle JPEG", "npz28"]
    assert len({m.digest for m in modules}) == 1
    assert len({m.store.path.name for m in modules}) == 3
    for module in modules[1:]:
        assert module.table.target.tolist() == modules[0].table.target.tolist()
        assert module.table.group.tolist() == modules[0].table.group.tolist()


def test_npz_pixels_are_those_of_the_image_id(tmp_path):
    isic2018_npz(tmp_path)
    module = built(tmp_path)
    folder = tmp_path / "ham10000"
    arrays = np.load(folder / isic2018.NPZ)
    for row in list(csv.DictReader((folder / isic2018.INDEX).open()))[::17]:
        place = module.table.id.tolist().index(row["image_id"])
        expected = arrays[f"{row['split_image']}_images"][int(row["row_in_npz"])]
        assert (module.store.images[place] == expected).all()


def test_npz_is_for_28_pixels_only(tmp_path):
    isic2018_npz(tmp_path)
    with pytest.raises(DataError, match="not found"):
        built(tmp_path, size=32)


def test_label_files_that_disagree(tmp_path):
    isic2018_official(tmp_path / "a")
    folder, (ids, labels, lesions) = tmp_path / "a" / "isic2018", ham_ids()
    labels[3] = "DF"
    rows = zip(lesions, ids, [y.lower() for y in labels], strict=True)
    write_csv(folder / isic2018.METADATA, ("lesion_id", "image_id", "dx"), rows)
    with pytest.raises(DataError, match=r"disagree on 1 images \(the first is 'ISIC_0000003'"):
        built(tmp_path / "a")


def test_lesion_ids_missing(tmp_path):
    isic2018_official(tmp_path)
    path = tmp_path / "isic2018" / isic2018.GROUPINGS
    path.write_text(path.read_text().replace("HAM_0000001", ""))
    with pytest.raises(DataError, match="no lesion_id for 2 of"):
        built(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="labels but no lesion ids"):
        built(tmp_path)


def test_row_with_two_labels(tmp_path):
    isic2018_official(tmp_path)
    path = tmp_path / "isic2018" / isic2018.TRUTH
    path.write_text(path.read_text().replace("1.0,0.0", "1.0,1.0", 1))
    with pytest.raises(DataError, match="line 2: not exactly one"):
        built(tmp_path)


def test_image_split_without_index_is_seeded(tmp_path):
    isic2018_kaggle(tmp_path)
    assert (
        built(tmp_path, "isic2018+leaky_image").digest
        == built(tmp_path, "isic2018+leaky_image").digest
    )


@pytest.mark.real
def test_real_by_lesion(real_data, cache_folder):
    module = datamodules.build("isic2018", 28, root=real_data, cache=cache_folder)
    module.prepare()
    assert module.source == "npz28"
    counts = np.bincount(module.table.target)
    assert dict(zip(module.class_names, counts.tolist(), strict=True)) == HAM
    assert len(set(module.table.group)) == 7470
    for share, split in ((0.7, "train"), (0.1, "val"), (0.2, "test")):
        held = np.bincount(module.target[module.rows(split)], minlength=7)
        assert np.abs(held - share * counts).max() <= 3
    text = card(module)
    assert "THIS SPLIT LEAKS" not in text


@pytest.mark.real
@pytest.mark.parametrize(("variant", "shared"), [("leaky_image", 1001), ("leaky_ecl", 1217)])
def test_real_leaky_variants(real_data, cache_folder, variant, shared):
    name = f"isic2018+{variant}"
    module = datamodules.build(name, 28, root=real_data, cache=cache_folder)
    module.prepare()
    lesions = [set(module.table.group[module.rows(s)]) for s in ("train", "val", "test")]
    in_two = lesions[0] & lesions[1] | lesions[0] & lesions[2] | lesions[1] & lesions[2]
    assert len(in_two) == shared  # as counted in the README of the data
    assert "THIS SPLIT LEAKS" in card(module)


@pytest.mark.real
@pytest.mark.slow
def test_real_jpegs(real_data, cache_folder):
    npz = datamodules.build("isic2018", 28, root=real_data, cache=cache_folder)
    jpeg = datamodules.build("isic2018@lt100", (24, 32), root=real_data, cache=cache_folder)
    npz.prepare(), jpeg.prepare()
    assert jpeg.source == "JPEG of the folder images"
    assert jpeg.digest == npz.digest
