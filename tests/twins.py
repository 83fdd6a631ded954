"""Generated twins of the datasets: tiny random images in each official layout.

``TWINS`` maps a name of data to a function that writes the twin's files below a data root. No pixel
of a real image is in them. Labels are drawn so that every class has images in every split.
"""

import csv
import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from medtail import datamodules
from medtail.datamodules import (
    aptos2019,
    dermofit,
    hyperkvasir,
    iq_othnccd,
    isic2018,
    isic2019,
    kvasir_capsule,
    medmnist,
)

PER_CLASS = 16  # images of each class, before the first classes get more
SIDE = 32


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]], delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as lines:
        csv.writer(lines, delimiter=delimiter).writerows([head, *rows])


def write_image(path: Path, seed: int, tint: int = 0) -> None:
    """A random image whose mean grey level tells the class, so that a model can learn something."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 120, (SIDE, SIDE, 3))
    Image.fromarray((noise + 15 * (tint % 8)).astype(np.uint8)).save(path, quality=95)


def labelled(classes: Sequence[str]) -> list[str]:
    """A label for each image: the first class has three times the images of the others."""
    return [c for k, c in enumerate(classes) for _ in range(PER_CLASS * (3 if k == 0 else 1))]


def one_hot_rows(ids: Sequence[str], labels: Sequence[str], classes: Sequence[str]):
    return [
        (i, *(f"{float(c == y):.1f}" for c in classes)) for i, y in zip(ids, labels, strict=True)
    ]


def ham_ids() -> tuple[list[str], list[str], list[str]]:
    """Ids, labels and lesions (two images each) of a small HAM10000."""
    labels = labelled(isic2018.CLASSES)
    ids = [f"ISIC_{i:07d}" for i in range(len(labels))]
    return ids, labels, [f"HAM_{i // 2:07d}" for i in range(len(labels))]


def isic2018_official(root: Path) -> None:
    folder, (ids, labels, lesions) = root / "isic2018", ham_ids()
    rows = one_hot_rows(ids, labels, isic2018.CLASSES)
    write_csv(folder / isic2018.TRUTH, ("image", *isic2018.CLASSES), rows)
    head = ("image", "lesion_id", "diagnosis_confirm_type")
    groups = [(i, g, "histopathology") for i, g in zip(ids, lesions, strict=True)]
    write_csv(folder / isic2018.GROUPINGS, head, groups)
    for n, (name, label) in enumerate(zip(ids, labels, strict=True)):
        path = folder / "ISIC2018_Task3_Training_Input" / f"{name}.jpg"
        write_image(path, n, isic2018.CLASSES.index(label))


def isic2018_kaggle(root: Path) -> None:
    folder, (ids, labels, lesions) = root / "ham10000", ham_ids()
    head = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
    rows = [
        (g, i, y.lower(), "histo", "", "", "") for g, i, y in zip(lesions, ids, labels, strict=True)
    ]
    write_csv(folder / isic2018.METADATA, head, rows[::-1])
    for n, (name, label) in enumerate(zip(ids, labels, strict=True)):
        path = folder / f"HAM10000_images_part_{1 + n % 2}" / f"{name}.jpg"
        write_image(path, n, isic2018.CLASSES.index(label))


def isic2019_twin(root: Path) -> None:
    folder, labels = root / "isic2019", labelled(isic2019.CLASSES)
    ids = [f"ISIC_{i:07d}" for i in range(len(labels))]
    columns = (*isic2019.CLASSES, "UNK")
    write_csv(folder / isic2019.TRUTH, ("image", *columns), one_hot_rows(ids, labels, columns))
    lesions = ["" if n % 5 == 0 else f"L{n // 2}" for n in range(len(ids))]
    head = ("image", "age_approx", "anatom_site_general", "lesion_id", "sex")
    rows = [(i, "50", "", g, "") for i, g in zip(ids, lesions, strict=True)]
    write_csv(folder / isic2019.METADATA, head, rows)
    for n, (name, label) in enumerate(zip(ids, labels, strict=True)):
        write_image(folder / isic2019.IMAGES / f"{name}.jpg", n, isic2019.CLASSES.index(label))


def aptos2019_twin(root: Path) -> None:
    folder, grades = root / "aptos2019", labelled([str(g) for g in range(len(aptos2019.GRADES))])
    rows = [(f"{n * 7919 % 10007:012x}", g) for n, g in enumerate(grades)]
    write_csv(folder / "train.csv", ("id_code", "diagnosis"), rows)
    for n, (name, grade) in enumerate(rows):
        write_image(folder / "train_images" / f"{name}.png", n, int(grade))


def hyperkvasir_twin(root: Path) -> None:
    folder, labels = root / "hyperkvasir", labelled(hyperkvasir.CLASSES)
    rows = [(f"{n:08x}-twin.jpg", label, n % 2) for n, label in enumerate(labels)]
    head = ("file-name", "class-name", "split-index")
    write_csv(folder / hyperkvasir.SPLIT_FILE, head, rows, ";")
    for n, (name, label, _) in enumerate(rows):
        path = folder / "labeled-images" / "lower-gi-tract" / "findings" / label / name
        write_image(path, n, hyperkvasir.CLASSES.index(label))


def kvasir_capsule_twin(root: Path) -> None:
    folder, labels = root / "kvasir_capsule", labelled(kvasir_capsule.CLASSES)
    rows = [(f"{n % 12:016x}_{n}.jpg", label) for n, label in enumerate(labels)]
    for fold, name in enumerate(kvasir_capsule.FOLDS):
        # Videos 10 and 11 stand in both folds, as seven do in the official lists.
        share = [
            r for n, r in enumerate(rows) if (n % 12 // 5 if n % 12 < 10 else n // 12 % 2) == fold
        ]
        write_csv(folder / name, ("filename", "label"), share)
    for n, (name, label) in enumerate(rows):
        write_image(
            folder / "labelled_images" / label / name, n, kvasir_capsule.CLASSES.index(label)
        )


def medmnist_twin(flag: str, side: int = 28) -> Callable[[Path], None]:
    """Writer of an npz in MedMNIST's layout, its MD5 beside it, as it is not the official file."""

    def write(root: Path) -> None:
        info, rng, arrays = medmnist.official(flag), np.random.default_rng(0), {}
        classes = np.array([int(c) for c in labelled(list(info["label"]))])
        shape = (side, side, 3) if info["n_channels"] == 3 else (side, side)
        for part, s in enumerate(("train", "train", "val", "test")):
            labels = classes[part::4] if part > 1 else classes[np.arange(len(classes)) % 4 < 2]
            noise = rng.integers(0, 100, (len(labels), *shape))
            tint = 12 * labels.reshape(-1, *[1] * len(shape))
            arrays[f"{s}_images"] = (noise + tint).astype(np.uint8)
            arrays[f"{s}_labels"] = labels[:, None].astype(np.uint8)
        path = root / "medmnist" / f"{flag}{'' if side == 28 else f'_{side}'}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)
        path.with_suffix(".npz.md5").write_text(hashlib.md5(path.read_bytes()).hexdigest())

    return write


def image_table_twin(root: Path) -> None:
    """A table with string labels and groups; give it as ``file=root / "images.csv"``."""
    labels = labelled(("common", "rare", "rarer"))
    rows = [(f"images/{n:03d}.png", label, f"patient {n // 2}") for n, label in enumerate(labels)]
    write_csv(root / "images.csv", ("image", "label", "group"), rows)
    for n, (name, label, _) in enumerate(rows):
        write_image(root / name, n, 3 * ("common", "rare", "rarer").index(label))


def dermofit_twin(root: Path) -> None:
    """Folders of classes, one of them packed as an archive; a folder and a mask for each lesion."""
    folder = root / "dermofit"
    for n, label in enumerate(labelled(tuple(dermofit.CLASSES))):
        lesion = folder / label / f"{label[0]}{n}" / f"{label[0]}{n}.png"
        write_image(lesion, n, tuple(dermofit.CLASSES).index(label))
        Image.new("L", (SIDE, SIDE), 255).save(lesion.with_name(f"{lesion.stem}mask.png"))
    packed = folder / "SCC"
    with zipfile.ZipFile(packed.with_suffix(".zip"), "w") as archive:
        for path in sorted(packed.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(packed)


def listed_twin(slug: str) -> Callable[[Path], None]:
    """Writer of ``labels.csv`` and ``images/``, two images a group where there are groups."""

    def write(root: Path) -> None:
        family = datamodules.get(slug)
        rows = [
            (f"{label}.{n:04d}.jpg", label, f"g{n // 2}")
            for n, label in enumerate(labelled(family.class_names))
        ]
        write_listed(root / slug, ("image", "label", *family.columns), rows)

    return write


def write_listed(folder: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose rows begin with image and label, and its images."""
    classes = list(dict.fromkeys(row[1] for row in rows))
    write_csv(folder / "labels.csv", head, [row[: len(head)] for row in rows])
    for n, row in enumerate(rows):
        write_image(folder / "images" / row[0], n, classes.index(row[1]))


def iq_othnccd_twin(root: Path) -> None:
    """Numbers of every block, without those of copies."""
    rows = []
    for label in iq_othnccd.CLASSES:
        numbers = [n for n in range(1, 600) if n not in iq_othnccd.COPIES[label]]
        blocks = {n: iq_othnccd.block(label, n) for n in numbers}
        for part, share in (("train", 3), ("val", 1), ("test", 1)):
            there = [n for n in numbers if blocks[n] == part]
            amount = PER_CLASS * share * (3 if label == iq_othnccd.CLASSES[0] else 1) // 5
            rows += [(f"{label}_{n:03d}.jpg", label, part) for n in there[:amount]]
    write_listed(root / "iq_othnccd", ("image", "label", "split"), rows)


LISTED = ("pbc", "chula_rbc12", "oct_mx", "pocus_lung", "shoulder_implants", "covid_cxr")
MEDMNIST = [s for s in medmnist.MedMNIST.slugs if s not in ("chestmnist", "dermamnist")]
TWINS: dict[str, Callable[[Path], None]] = {
    "isic2018": isic2018_official,
    "isic2019": isic2019_twin,
    "aptos2019": aptos2019_twin,
    "hyperkvasir": hyperkvasir_twin,
    "kvasir_capsule": kvasir_capsule_twin,
    "dermamnist+leaky_official": medmnist_twin("dermamnist"),
    "dermofit": dermofit_twin,
    "image_table": image_table_twin,
    "iq_othnccd": iq_othnccd_twin,
    **{slug: listed_twin(slug) for slug in LISTED},
    **{flag: medmnist_twin(flag) for flag in MEDMNIST},
}
# The label files of a twin, by pattern below its root.
LISTS: dict[str, Sequence[str]] = {
    "isic2018": (isic2018.TRUTH, isic2018.GROUPINGS),
    "isic2019": (isic2019.TRUTH, isic2019.METADATA),
    "aptos2019": ("train.csv",),
    "hyperkvasir": (hyperkvasir.SPLIT_FILE,),
    "kvasir_capsule": kvasir_capsule.FOLDS,
    "image_table": ("images.csv",),
    "iq_othnccd": ("labels.csv",),
    **{slug: ("labels.csv",) for slug in LISTED},
}
# Arguments of ``datamodules.build`` for a twin, given its root.
ARGUMENTS: dict[str, Callable[[Path], dict[str, Path]]] = {
    "image_table": lambda root: {"file": root / "images.csv"},
}
