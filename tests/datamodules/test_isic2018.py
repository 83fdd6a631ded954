"""HAM10000 in its layouts, and its leaking splits."""

from collections import Counter

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules import isic2018
from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError, DataMissingError
from tests.twins import (
    ham_ids,
    isic2018_kaggle,
    isic2018_official,
    one_hot_rows,
    write_csv,
    write_image,
)

HAM = {"MEL": 1113, "NV": 6705, "BCC": 514, "AKIEC": 327, "BKL": 1099, "DF": 115, "VASC": 142}


def built(root, name="isic2018", size=28):
    module = datamodules.build(name, size, root=root, cache=root / "cache")
    module.prepare()
    return module


@pytest.mark.parametrize("name", ["isic2018", "isic2018+leaky_image"])
def test_layouts_give_the_same_table_and_split(tmp_path, name):
    writers = (isic2018_official, isic2018_kaggle)
    modules = []
    for n, write in enumerate(writers):
        write(tmp_path / str(n))
        modules.append(built(tmp_path / str(n), name))
    assert [m.source for m in modules] == ["official JPEG", "Kaggle JPEG"]
    assert len({m.digest for m in modules}) == 1
    assert len({m.store.path.name for m in modules}) == 2
    for module in modules[1:]:
        assert module.table.target.tolist() == modules[0].table.target.tolist()
        assert module.table.group.tolist() == modules[0].table.group.tolist()


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
    with pytest.raises(
        DataError, match=rf"no {isic2018.GROUPINGS} with .*{isic2018.TRUTH}; looked"
    ):
        built(tmp_path)


def test_row_with_two_labels(tmp_path):
    isic2018_official(tmp_path)
    path = tmp_path / "isic2018" / isic2018.TRUTH
    path.write_text(path.read_text().replace("1.0,0.0", "1.0,1.0", 1))
    with pytest.raises(DataError, match="line 2: not exactly one"):
        built(tmp_path)


def test_an_image_that_stands_twice(tmp_path):
    isic2018_kaggle(tmp_path)
    (path,) = tmp_path.rglob(isic2018.METADATA)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[4]]))
    with pytest.raises(DataError, match=f"line {len(lines) + 1}: '.*' stands .* line 5: keep"):
        built(tmp_path)


def ecl_lists(root):
    ids, labels, _ = ham_ids()
    for n, part in enumerate(("train", "val", "test")):
        rows = [(i, y.lower(), 0) for i, y in list(zip(ids, labels, strict=True))[n::3]]
        path = root / "isic2018" / "splits_ecl" / f"ISIC2018_{part}.csv"
        write_csv(path, ("image", "category", "label"), rows)
        yield path, rows


def test_ecl_lists_are_the_split(tmp_path):
    isic2018_official(tmp_path)
    (_, _), (path, _), (_, rows) = ecl_lists(tmp_path)
    module = built(tmp_path, "isic2018+leaky_ecl")
    assert module.table.id[module.rows("test")].tolist() == sorted(r[0] for r in rows)
    with path.open("a") as lines:
        lines.write(",".join(map(str, rows[0])))
    where = r"ISIC2018_test.csv, line 2: 'ISIC_0000002' stands already in .*_val.csv, line"
    with pytest.raises(DataError, match=where):
        built(tmp_path, "isic2018+leaky_ecl")


def test_image_split_is_seeded(tmp_path):
    isic2018_kaggle(tmp_path)
    split = {}
    for seed in (0, 0, 1):
        arguments = {"root": tmp_path, "cache": tmp_path / "cache", "split_seed": seed}
        module = datamodules.build("isic2018+leaky_image", 28, **arguments)
        module.prepare()
        assert split.setdefault(seed, module.digest) == module.digest
    assert split[0] != split[1]


def held_out(root, form):
    """What the challenge validated and tested on, as it unpacks or as Dataverse has it."""
    classes = [label for label in isic2018.CLASSES for _ in range(2)]
    for n, (name, (file, parts)) in enumerate(isic2018.HELD_OUT.items()):
        ids = [f"ISIC_{9000 + 100 * n + k:07d}" for k in range(len(classes))]
        stem, images = file.removesuffix(".csv"), parts[-2 if form == "tab" else 0].names[0]
        if form == "tab":
            rows = zip(ids, [y.lower() for y in classes], strict=True)
            write_csv(root / f"{stem}.tab", ("image_id", "dx"), rows, "\t")
        else:
            rows = one_hot_rows(ids, classes, isic2018.CLASSES)
            write_csv(root / stem / file, ("image", *isic2018.CLASSES), rows)
        for k, i in enumerate(ids):
            write_image(root / images / f"{i}.jpg", 9000 + 100 * n + k)
        yield name, ids, classes


@pytest.mark.parametrize("form", ["csv", "tab"])
def test_the_parts_of_the_challenge(tmp_path, form):
    {"csv": isic2018_official, "tab": isic2018_kaggle}[form](tmp_path)
    plain = built(tmp_path)
    folder = tmp_path / ("isic2018" if form == "csv" else "ham10000")
    parts = list(held_out(folder, form))
    module = built(tmp_path, "isic2018+challenge")
    for name, ids, classes in parts:
        rows = module.rows(name)
        assert module.table.id[rows].tolist() == ids
        assert [module.class_names[k] for k in module.target[rows]] == classes
        assert [module.table.path[row].stem for row in rows] == ids
    train = module.rows("train")
    assert module.table.id[train].tolist() == plain.table.id.tolist()
    assert module.table.group[train].tolist() == plain.table.group.tolist()
    assert built(tmp_path).digest == plain.digest  # the default takes no notice of them
    (file,) = folder.rglob("*Test_GroundTruth.*")
    file.unlink()
    with pytest.raises(DataMissingError, match=r"no ISIC2018_Task3_Test_GroundTruth\.csv with"):
        built(tmp_path, "isic2018+challenge")


def test_the_splits_of_bmn_and_bpaco(tmp_path, monkeypatch):
    """One is tested on the challenge's validation images; the other draws by image of both."""
    isic2018_official(tmp_path)
    plain = built(tmp_path)
    (_, ids, _), (_, tested, _) = held_out(tmp_path / "isic2018", "csv")
    bmn = built(tmp_path, "isic2018+bmn_official_val")
    assert bmn.table.id[bmn.rows("test")].tolist() == ids
    ours = [bmn.rows(s) for s in ("train", "val")]
    assert set(bmn.table.id[np.concatenate(ours)]) == set(plain.table.id)
    groups = [set(bmn.table.group[rows]) for rows in ours]
    assert not groups[0] & groups[1]
    assert len(ours[0]) > 4 * len(ours[1]) > 0
    with pytest.raises(
        DataError, match=r"isic2018\+leaky_bpaco_balanced: class \w+ has \d+ images"
    ):
        built(tmp_path, "isic2018+leaky_bpaco_balanced")
    monkeypatch.setattr(isic2018, "BALANCED", {"val": 1, "test": 2})
    bpaco = built(tmp_path, "isic2018+leaky_bpaco_balanced")
    assert set(bpaco.table.id) == {*plain.table.id, *ids}
    assert not set(bpaco.table.id) & set(tested)
    for split, amount in (("val", 1), ("test", 2)):
        assert np.bincount(bpaco.target[bpaco.rows(split)]).tolist() == [amount] * 7
    assert "THIS SPLIT LEAKS" in card(bpaco)
    assert "THIS SPLIT LEAKS" not in card(bmn)


@pytest.mark.real
def test_real_ground_truth_of_the_challenge(real_data):
    """Counts as the README of the data has them."""
    folder = real_data / "ham10000"
    counts = [
        Counter(isic2018.read_classes(folder / f).values()) for f, _ in isic2018.HELD_OUT.values()
    ]
    assert [[c[name] for name in isic2018.CLASSES] for c in counts] == [
        [21, 123, 15, 8, 22, 1, 3],
        [171, 909, 93, 43, 217, 44, 35],
    ]


@pytest.mark.real
def test_real_by_lesion(real_data, cache_folder):
    module = datamodules.build("isic2018", 28, root=real_data, cache=cache_folder)
    module.prepare()
    assert module.source == "JPEG of the folder images"
    counts = np.bincount(module.table.target)
    assert dict(zip(module.class_names, counts.tolist(), strict=True)) == HAM
    assert len(set(module.table.group)) == 7470
    for share, split in ((0.7, "train"), (0.1, "val"), (0.2, "test")):
        held = np.bincount(module.target[module.rows(split)], minlength=7)
        assert np.abs(held - share * counts).max() <= 3
    text = card(module)
    assert "THIS SPLIT LEAKS" not in text


@pytest.mark.real
@pytest.mark.parametrize(("variant", "shared"), [("leaky_image", 1010), ("leaky_ecl", 1217)])
def test_real_leaky_variants(real_data, cache_folder, variant, shared):
    name = f"isic2018+{variant}"
    module = datamodules.build(name, 28, root=real_data, cache=cache_folder)
    module.prepare()
    lesions = [set(module.table.group[module.rows(s)]) for s in ("train", "val", "test")]
    in_two = lesions[0] & lesions[1] | lesions[0] & lesions[2] | lesions[1] & lesions[2]
    assert len(in_two) == shared  # of leaky_ecl as counted in the README of the data
    assert "THIS SPLIT LEAKS" in card(module)


@pytest.mark.real
@pytest.mark.slow
def test_real_sizes(real_data, cache_folder):
    small = datamodules.build("isic2018", 28, root=real_data, cache=cache_folder)
    other = datamodules.build("isic2018@lt100", (24, 32), root=real_data, cache=cache_folder)
    small.prepare(), other.prepare()
    assert other.digest == small.digest
    assert other.content.pixels != small.content.pixels
