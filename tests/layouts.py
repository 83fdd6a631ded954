"""The twins as downloads unpack: each function lays a twin's files out anew, labels unchanged."""

import csv
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from medtail.datamodules import dermofit, hyperkvasir, isic2018, isic2019, kvasir_capsule
from tests.twins import SIDE, TWINS, isic2018_kaggle

OFFICIAL = "ISIC2018_Task3_Training_Input"
PARTS = ("HAM10000_images_part_1", "HAM10000_images_part_2")


def move(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return source.rename(target)


def nest(folder: Path) -> Path:
    """``x`` -> ``x/x``."""
    aside = move(folder, folder.with_name("aside"))
    return move(aside, folder / folder.name)


def in_folder(file: Path) -> Path:
    """``x.csv`` -> ``x/x.csv``."""
    return move(file, file.with_suffix("") / file.name)


def rewrite(file: Path, change: Callable[[dict], dict], target: Path | None = None, **form) -> None:
    """The table with each row changed, in another form or place."""
    with file.open(newline="") as lines:
        separator = max(",;", key=lines.readline().count)
        lines.seek(0)
        rows = [change(row) for row in csv.DictReader(lines, delimiter=separator)]
    file.unlink()
    with (target or file).open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0], **({"delimiter": separator} | form))
        writer.writeheader()
        writer.writerows(rows)


def shout(folder: Path) -> None:
    """Image files with endings in upper case."""
    for path in [p for p in folder.rglob("*.*") if p.suffix in (".jpg", ".png")]:
        path.rename(path.with_suffix(path.suffix.upper()))


def leave_traces(folder: Path) -> None:
    """What a Mac and the ISIC archive leave beside images."""
    first = next(p for p in sorted(folder.rglob("*.*")) if p.suffix.lower() == ".jpg")
    for name in (f"._{first.name}", ".DS_Store", "LICENSE.txt", "ATTRIBUTION.txt"):
        first.with_name(name).write_text("no image")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / first.name).write_text("no image")
    for ending in ("_superpixels", "_segmentation"):
        Image.new("L", (SIDE, SIDE), 255).save(first.with_name(f"{first.stem}{ending}.png"))


def link(folder: Path, away: Path) -> None:
    move(folder, away)
    folder.symlink_to(away, target_is_directory=True)


def flat(folder: Path, *inside: str) -> None:
    for name in inside:
        for path in list((folder / name).rglob("*.jpg")):
            path.rename(folder / path.name)
        shutil.rmtree(folder / name)


# ISIC 2018.


def isic2018_unpacked(root: Path) -> None:
    TWINS["isic2018"](root)
    in_folder(root / "isic2018" / isic2018.TRUTH)
    shout(nest(root / "isic2018" / OFFICIAL))
    leave_traces(root / "isic2018" / OFFICIAL)


def isic2018_endings(root: Path) -> None:
    TWINS["isic2018"](root)
    for name in (isic2018.TRUTH, isic2018.GROUPINGS):
        file = root / "isic2018" / name
        rewrite(file, lambda row: row | {"image": f"{row['image']}.jpg"}, file.with_suffix(".CSV"))


def isic2018_top(root: Path) -> None:
    """The data root is where the archives were unpacked."""
    TWINS["isic2018"](root)
    for path in (root / "isic2018").iterdir():
        path.rename(root / path.name)
    in_folder(root / isic2018.TRUTH)
    nest(root / OFFICIAL)
    (root / "other" / OFFICIAL).mkdir(parents=True)


def ham_twice(root: Path) -> None:
    """Kaggle's archive: everything twice, the second time in small letters."""
    isic2018_kaggle(root)
    for name in PARTS:
        shutil.copytree(root / "ham10000" / name, root / "ham10000" / name.lower())


def ham_nested(root: Path) -> None:
    isic2018_kaggle(root)
    for name in PARTS:
        nest(root / "ham10000" / name)
    move(root / "ham10000", root / "HAM10000" / "archive")
    for name in (".Trashes", "__MACOSX"):
        (root / "HAM10000" / name).mkdir()
        (root / "HAM10000" / name / isic2018.METADATA).write_text("no table")


def ham_dataverse(root: Path) -> None:
    """Metadata without an ending, images beside it, masks in a folder of their own."""
    isic2018_kaggle(root)
    folder = root / "ham10000"
    file = folder / isic2018.METADATA
    rewrite(file, lambda row: row | {"dataset": "vidir_modern"}, file.with_suffix(""))
    flat(folder, *PARTS)
    leave_traces(folder)
    mask = folder / "HAM10000_segmentations_lesion_tschandl" / "ISIC_0000000_segmentation.png"
    mask.parent.mkdir()
    Image.new("L", (SIDE, SIDE), 255).save(mask)


def ham_tab(root: Path) -> None:
    isic2018_kaggle(root)
    folder = root / "ham10000"
    file = folder / isic2018.METADATA
    form = {"delimiter": "\t", "quoting": csv.QUOTE_ALL}
    rewrite(file, lambda row: row, file.with_suffix(".tab"), **form)
    move(folder / PARTS[0], folder / "HAM10000_images_part1")
    move(folder / PARTS[1], folder / "ham10000-Images-Part2")


def ham_merged(root: Path) -> None:
    isic2018_kaggle(root)
    flat(root / "ham10000", PARTS[1])
    both = move(root / "ham10000" / PARTS[0], root / "ham10000" / "HAM10000_images")
    for path in list((root / "ham10000").glob("*.jpg")):
        path.rename(both / path.name)


def ham_images(root: Path) -> None:
    ham_merged(root)
    move(root / "ham10000" / "HAM10000_images", root / "away")
    link(root / "away", root / "disk")
    (root / "ham10000" / "images").symlink_to(root / "away")


# The others.


def isic2019_unpacked(root: Path) -> None:
    TWINS["isic2019"](root)
    folder = root / "isic2019"
    leave_traces(nest(folder / isic2019.IMAGES))
    in_folder(folder / isic2019.TRUTH)
    for path in list((folder / isic2019.IMAGES).rglob("ISIC_000000*.jpg")):
        path.rename(path.with_stem(f"{path.stem}{isic2019.REDUCED}"))
    for name in (isic2019.TRUTH, isic2019.METADATA):
        (file,) = folder.rglob(name)
        rewrite(file, lambda row: row | {"image": f"{row['image']}.JPG"})


def aptos_unpacked(root: Path) -> None:
    TWINS["aptos2019"](root)
    folder = move(root / "aptos2019", root / "aptos2019-blindness-detection")
    (folder / "test.csv").write_text("id_code\nabc\n")
    (folder / "test_images").mkdir()
    Image.new("RGB", (SIDE, SIDE)).save(folder / "test_images" / "abc.png")


def aptos_parts(root: Path) -> None:
    """Kaggle's re-upload: three tables and folders within folders; grades as a spreadsheet's."""
    TWINS["aptos2019"](root)
    folder = root / "aptos2019"
    lines = (folder / "train.csv").read_text().splitlines()
    (folder / "train.csv").unlink()
    images = move(folder / "train_images", folder / "all")
    tables = {"train_1.csv": "train_images", "valid.csv": "val_images", "test.csv": "test_images"}
    for n, (table, place) in enumerate(tables.items()):
        rows = [line.split(",") for line in lines[1:][n::3]]
        text = [lines[0], *(f"{name}.png,{grade}.0" for name, grade in rows)]
        (folder / table).write_text("\n".join(text))
        for name, _ in rows:
            move(images / f"{name}.png", folder / place / place / f"{name}.png")
    images.rmdir()
    shout(folder)


def kvasir_unpacked(root: Path) -> None:
    TWINS["hyperkvasir"](root)
    folder = move(root / "hyperkvasir", root / "hyper-kvasir")
    move(folder / hyperkvasir.SPLIT_FILE, folder / "official_splits" / hyperkvasir.SPLIT_FILE)
    labelled = folder / "hyper-kvasir-labeled-images" / "labeled-images"
    move(folder / "labeled-images", labelled)
    leave_traces(labelled)
    for official, name in hyperkvasir.IN_FOLDERS.items():
        (there,) = labelled.rglob(official)
        move(there, there.with_name(name))
    image = next(labelled.rglob("*.jpg"))
    (folder / "segmented-images" / "masks").mkdir(parents=True)
    Image.new("L", (SIDE, SIDE)).save(folder / "segmented-images" / "masks" / image.name)


def kvasir_linked(root: Path) -> None:
    TWINS["hyperkvasir"](root)
    link(root / "hyperkvasir" / "labeled-images", root / "big")


def kvasir_without_folds(root: Path) -> None:
    """Only what the images' archive holds: ``monica14`` needs no more."""
    TWINS["hyperkvasir"](root)
    folder = root / "hyperkvasir"

    def labelled(row: dict) -> dict:
        name = hyperkvasir.IN_FOLDERS.get(row["class-name"], row["class-name"])
        return {"Video file": Path(row["file-name"]).stem, "Organ": "Lower GI", "Finding": name}

    target = folder / "labeled-images" / hyperkvasir.LABELS
    rewrite(folder / hyperkvasir.SPLIT_FILE, labelled, target, delimiter=",")


def capsule_unpacked(root: Path) -> None:
    TWINS["kvasir_capsule"](root)
    folder = move(root / "kvasir_capsule", root / "Kvasir-Capsule")
    for name in kvasir_capsule.FOLDS:
        move(folder / name, folder / "kvasir-capsule-master" / "official_splits" / name)
    for path in list((folder / "labelled_images").iterdir()):
        place = folder / "labelled_images" / path.name.replace(" ", "_").lower() / path.name
        move(path, folder / "aside")
        move(folder / "aside", place)
    shout(folder)


def dermofit_archives(root: Path) -> None:
    """Every class as its archive, in small letters, as a Mac packs."""
    TWINS["dermofit"](root)
    folder = root / "dermofit"
    for name in [n for n in dermofit.CLASSES if (folder / n).is_dir()]:
        with zipfile.ZipFile(folder / "sub.zip", "w") as archive:
            for path in sorted((folder / name).rglob("*.png")):
                archive.write(path, path.relative_to(folder))
                archive.writestr(f"__MACOSX/{name}/._{path.name}", "no image")
        shutil.rmtree(folder / name)
        move(folder / "sub.zip", folder / "zips" / f"{name.lower()}.ZIP")


def dermofit_linked(root: Path) -> None:
    TWINS["dermofit"](root)
    link(root / "dermofit" / "AK", root / "elsewhere" / "AK")
    shout(nest(root / "dermofit" / "MEL"))


LAYOUTS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "isic2018": (
        isic2018_unpacked, isic2018_endings, isic2018_top, isic2018_kaggle, ham_twice, ham_nested,
        ham_dataverse, ham_tab, ham_merged, ham_images,
    ),
    "isic2019": (isic2019_unpacked,),
    "aptos2019": (aptos_unpacked, aptos_parts),
    "hyperkvasir": (kvasir_unpacked, kvasir_linked),
    "hyperkvasir+monica14": (kvasir_unpacked, kvasir_without_folds),
    "kvasir_capsule": (capsule_unpacked,),
    "dermofit": (dermofit_archives, dermofit_linked),
}  # fmt: skip
