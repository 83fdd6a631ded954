"""The other datasets: real label files parsed, published counts, and what each does of its own."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules import aptos2019, hyperkvasir, isic2019, kvasir_capsule, medmnist
from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError, DataMissingError, MedtailError
from medtail.datamodules.core.splitting import regimes
from medtail.datamodules.core.splitting.splits import few_groups_split
from tests.twins import hyperkvasir_twin, isic2019_twin, kvasir_capsule_twin, medmnist_twin


def built(name, root, size=28, cache=None, **given):
    module = datamodules.build(name, size, root=root, cache=cache or root / "cache", **given)
    module.prepare()
    return module


@pytest.mark.real
def test_isic2019_real_labels(real_data):
    ids, labels, lesions = isic2019.read_labels(
        *(real_data / "isic2019" / n for n in (isic2019.TRUTH, isic2019.METADATA))
    )
    assert Counter(labels) == {
        "MEL": 4522, "NV": 12875, "BCC": 3323, "AK": 867, "BKL": 2624, "DF": 239, "VASC": 253,
        "SCC": 628,
    }  # fmt: skip
    assert sum(g.startswith("image ") for g in lesions) == 2084
    assert len(set(lesions)) == 11847 + 2084
    assert ids == sorted(ids)


@pytest.mark.real
def test_aptos_real_labels(real_data):
    labels = aptos2019.read_labels(real_data / "aptos2019" / "train.csv")
    assert Counter(labels.values()) == {"0": 1805, "1": 370, "2": 999, "3": 193, "4": 295}


@pytest.mark.real
def test_hyperkvasir_real_labels(real_data):
    rows = hyperkvasir.read_folds(real_data / "hyperkvasir" / "2_fold_split.csv")
    counts = Counter(label for label, _ in rows.values())
    assert len(rows) == 10662
    assert set(counts) == set(hyperkvasir.CLASSES)
    assert (max(counts.values()), min(counts.values())) == (1148, 6)
    assert Counter(fold for _, fold in rows.values()) == {"0": 5324, "1": 5338}
    published = regimes.published_counts(
        "hyperkvasir", "monica20", tuple(hyperkvasir.MONICA14.values())
    )
    assert (published <= [counts[c] for c in hyperkvasir.MONICA14]).all()


@pytest.mark.real
def test_capsule_real_labels(real_data):
    folder = real_data / "kvasir_capsule"
    rows = kvasir_capsule.read_folds([folder / name for name in kvasir_capsule.FOLDS])
    assert len(rows) == 47161 - 2 * 8  # eight frames stand twice, with two labels
    videos = [{i.split("_")[0] for i, (_, f) in rows.items() if f == fold} for fold in (0, 1)]
    assert (len(videos[0]), len(videos[1]), len(videos[0] & videos[1])) == (25, 25, 7)
    ids = sorted(rows)
    target = np.array([kvasir_capsule.CLASSES.index(rows[i][0]) for i in ids])
    video = np.array([i.split("_")[0] for i in ids])
    split = few_groups_split(target, video, 0)
    held = {s: np.bincount(target[split == s], minlength=11) for s in ("train", "val", "test")}
    assert (held["train"] >= 0.5 * np.bincount(target)).all()
    assert (held["test"] > 0).all()
    absent = {kvasir_capsule.CLASSES[k] for k in np.flatnonzero(held["val"] == 0)}
    assert absent == {"Blood", "Erythematous", "Lymphangiectasia"}  # of two or three videos
    assert all(len(set(split[video == v])) == 1 for v in set(video))


@pytest.mark.real
@pytest.mark.parametrize("name", ["breastmnist", "retinamnist"])
def test_medmnist_real_counts(real_data, cache_folder, name):
    module = built(f"{name}+leaky_official", real_data, cache=cache_folder)
    rows = csv.DictReader((real_data / "medmnist" / "official_class_counts.csv").open())
    official = {
        (r["split"], int(r["label"])): int(r["count"]) for r in rows if r["dataset"] == name
    }
    for split in ("train", "val", "test"):
        for label, count in enumerate(np.bincount(module.target[module.rows(split)])):
            assert count == official[split, label]
    assert module.source == f"{name}.npz, official file"
    assert module.ordinal == (name == "retinamnist")
    assert module.in_channels == (3 if name == "retinamnist" else 1)
    arrays = np.load(real_data / "medmnist" / f"{name}.npz")
    expected = np.concatenate([arrays[f"{s}_images"] for s in ("train", "val", "test")])
    assert (module.store.images.reshape(expected.shape) == expected).all()


@pytest.mark.real
def test_the_copy_in_breastmnist_is_excluded_from_train_only(real_data, cache_folder):
    module = built("breastmnist", real_data, cache=cache_folder)
    assert [len(module.rows(s)) for s in ("train", "val", "test")] == [545, 78, 156]
    assert module.table.id[module.split == "excluded"].tolist() == ["train_115"]
    assert "Excluded, as copies of images in val or test: 1" in card(module)
    assert "THIS SPLIT LEAKS" in card(
        built("breastmnist+leaky_official", real_data, cache=cache_folder)
    )
    retina = built("retinamnist", real_data, cache=cache_folder)
    assert [len(retina.rows(s)) for s in ("train", "val", "test")] == [1080, 120, 400]


@pytest.mark.parametrize(
    ("name", "why"), [("dermamnist", r"dermamnist\+leaky_official"), ("chestmnist", "14 binary")]
)
def test_refused_sets_say_why(name, why):
    with pytest.raises(MedtailError, match=why) as caught:
        datamodules.build(name)
    assert "\n" not in str(caught.value)


def test_medmnist_sizes(tmp_path):
    medmnist_twin("bloodmnist", 64)(tmp_path)
    module = built("bloodmnist", tmp_path, 32)
    assert module.source == "bloodmnist_64.npz, not the official file, reduced to 32 x 32"
    assert built("bloodmnist", tmp_path, 64).store.images.shape[1:] == (64, 64, 3)
    assert built("bloodmnist", tmp_path, (48, 64)).store.images.shape[1:] == (48, 64, 3)
    there = rf"no bloodmnist\.npz in .*; an image size for which a file is there is 64: {tmp_path}"
    with pytest.raises(DataMissingError, match=there) as caught:
        built("bloodmnist", tmp_path, 28)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataMissingError, match=r"no bloodmnist_128\.npz or bloodmnist_224\.npz in"):
        built("bloodmnist", tmp_path, 100)
    with pytest.raises(DataError, match="the largest file has 224"):
        built("bloodmnist", tmp_path, 256)


def test_medmnist_enlarges_where_it_is_asked_to(tmp_path):
    medmnist_twin("bloodmnist")(tmp_path)
    with pytest.raises(DataMissingError, match=r"no bloodmnist_64\.npz"):
        built("bloodmnist", tmp_path, 64)
    module = built("bloodmnist", tmp_path, 64, file_size=28)
    assert module.source == "bloodmnist.npz, not the official file, enlarged to 64 x 64"
    assert module.store.images.shape[1:] == (64, 64, 3)
    small = built("bloodmnist", tmp_path, 28).store.images[5].astype(float)
    large = module.store.images[5].reshape(16, 4, 16, 4, 3).astype(float).mean((1, 3))
    assert large.mean() == pytest.approx(small.mean(), abs=1)
    with pytest.raises(DataError, match="file_size 32: official files have 28, 64, 128, 224"):
        built("bloodmnist", tmp_path, 64, file_size=32)


def test_medmnist_wrong_bytes(tmp_path):
    medmnist_twin("bloodmnist")(tmp_path)
    (tmp_path / "medmnist" / "bloodmnist.npz.md5").unlink()
    with pytest.raises(DataError, match=r"MD5 .* expected"):
        built("bloodmnist", tmp_path)
    (tmp_path / "medmnist" / "bloodmnist.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"MD5 .* expected"):
        built("bloodmnist", tmp_path)


@pytest.mark.parametrize("cut", [0, 50, 3000, -300])
def test_medmnist_broken_file_of_ones_own(tmp_path, cut):
    medmnist_twin("bloodmnist")(tmp_path)
    path = tmp_path / "medmnist" / "bloodmnist.npz"
    path.write_bytes(path.read_bytes()[:cut])
    path.with_suffix(".npz.md5").write_text(hashlib.md5(path.read_bytes()).hexdigest())
    with pytest.raises(DataError, match=r"bloodmnist\.npz: broken") as caught:
        built("bloodmnist", tmp_path)
    assert "\n" not in str(caught.value)


def test_medmnist_broken_images(tmp_path):
    """Labels are whole, images are not: fewer, of another kind, or not to be inflated."""
    medmnist_twin("bloodmnist")(tmp_path)
    path = tmp_path / "medmnist" / "bloodmnist.npz"
    arrays = dict(np.load(path))
    whole = path.read_bytes()
    images = arrays.pop("train_images")
    files = [whole[:2000] + bytes(2000) + whole[4000:]]
    for odd in (images[:-1], images.astype(np.float32), None):
        np.savez(path, **arrays, **({} if odd is None else {"train_images": odd}))
        files.append(path.read_bytes())
    for content in files:
        path.write_bytes(content)
        path.with_suffix(".npz.md5").write_text(hashlib.md5(content).hexdigest())
        with pytest.raises(DataError, match=r"unreadable image: .*bloodmnist\.npz") as caught:
            built("bloodmnist", tmp_path)
        assert "\n" not in str(caught.value)


def test_medmnist_fetch(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise OSError("unreachable")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", no_network)
    module = datamodules.build("bloodmnist", 28, root=tmp_path, cache=tmp_path / "cache")
    with pytest.raises(DataError, match=r"could not download bloodmnist\.npz") as caught:
        module.fetch()
    assert "\n" not in str(caught.value)

    def other_bytes(url, root, filename, md5):
        medmnist_twin("bloodmnist")(tmp_path)
        (tmp_path / "medmnist" / "bloodmnist.npz.md5").unlink()

    monkeypatch.setattr("torchvision.datasets.utils.download_url", other_bytes)
    with pytest.raises(DataError, match="MD5"):
        module.fetch()


def test_slugs_are_the_2d_sets_of_the_package_and_those_of_volumes_are_refused_by_name():
    from medmnist import INFO

    assert set(medmnist.MedMNIST.slugs) | set(medmnist.VOLUMES) == set(INFO)
    for name in (n for n in INFO if n.endswith("3d")):
        with pytest.raises(DataError, match=f"^{name}: its samples are volumes") as caught:
            datamodules.build(f"{name}@lt100")
        assert "\n" not in str(caught.value)


def test_medmnist_in_another_spelling(tmp_path):
    medmnist_twin("bloodmnist")(tmp_path)
    (tmp_path / "medmnist").rename(tmp_path / "MedMNIST")
    assert built("bloodmnist", tmp_path).source == "bloodmnist.npz, not the official file"


def test_monica14_by_its_regime(tmp_path):
    hyperkvasir_twin(tmp_path)
    module = built("hyperkvasir+monica14@monica20", tmp_path)
    assert module.spec.num_classes == 14
    assert "deviate" in card(module)  # the twin has fewer images than MONICA
    assert "bbps-2-3" in card(module)
    with pytest.raises(MedtailError, match="MONICA's classes are"):
        built("hyperkvasir@monica20", tmp_path)


def test_hyperkvasir_test_is_fold_1(tmp_path):
    hyperkvasir_twin(tmp_path)
    module = built("hyperkvasir", tmp_path)
    rows = hyperkvasir.read_folds(tmp_path / "hyperkvasir" / "2_fold_split.csv")
    test = {str(i) for i in module.table.id[module.rows("test")]}
    assert test == {i for i, (_, fold) in rows.items() if fold == "1"}


def test_capsule_official_folds_leak(tmp_path):
    kvasir_capsule_twin(tmp_path)
    module = built("kvasir_capsule+leaky_official", tmp_path)
    assert "THIS SPLIT LEAKS" in card(module)
    assert "THIS SPLIT LEAKS" not in card(built("kvasir_capsule", tmp_path))


def test_a_frame_of_two_labels_is_left_out(tmp_path):
    kvasir_capsule_twin(tmp_path)
    path = tmp_path / "kvasir_capsule" / "split_0.csv"
    frame, _ = path.read_text().splitlines()[1].split(",")
    paths = [path, path.with_name("split_1.csv")]
    before = kvasir_capsule.read_folds(paths)
    with path.open("a") as lines:
        lines.write(f"{frame},Ulcer\n")
    assert before.keys() - kvasir_capsule.read_folds(paths).keys() == {Path(frame).stem}


def test_isic2019_without_metadata_row(tmp_path):
    isic2019_twin(tmp_path)
    path = tmp_path / "isic2019" / isic2019.METADATA
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(DataError, match="no row for 1 images"):
        built("isic2019", tmp_path)
