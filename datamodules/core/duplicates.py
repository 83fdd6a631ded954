"""Images of a dataset that stand in it more than once, pixel for pixel at the stored size."""

import csv
import io
from typing import NamedTuple

from .base import ImageDataModule
from .pixels.folders import same_file
from .splitting.leaks import EXCLUDED, pixel_digests, same_images, without_copies

COLUMNS = ("image", "id", "label", "split", "excluded", "labels", "files")


class Copy(NamedTuple):
    """One of several rows that are the same image.

    Attributes:
        image: number of the image, from 1; rows of one image follow each other.
        id, label, split: of the row.
        excluded: whether ``copies=exclude`` takes it out.
        labels: ``same`` or ``differ``, of all rows of the image.
        files: ``same``, byte for byte, or ``differ``: then the pixels are the same at this size,
            and may not be at another; empty where images are no files.
    """

    image: int
    id: str
    label: str
    split: str
    excluded: bool
    labels: str
    files: str


def duplicates(module: ImageDataModule) -> list[Copy]:
    """Every row whose image stands more than once; reads all images, and refuses no leak."""
    digests = pixel_digests(store := module.open_images())
    table, split = module.table, module.split
    taken = without_copies(split, store) == EXCLUDED
    found = []
    for number, rows in enumerate(same_images(digests), 1):
        labels = "same" if len({int(k) for k in table.target[rows]}) == 1 else "differ"
        files = ""
        if table.path is not None:
            first, *others = (table.path[row] for row in rows)
            files = "same" if all(same_file(first, other) for other in others) else "differ"
        for row in rows.tolist():
            label = module.class_names[table.target[row]]
            place = (str(table.id[row]), label, str(split[row]), bool(taken[row]))
            found.append(Copy(number, *place, labels, files))
    return found


def as_csv(found: list[Copy]) -> str:
    """CSV of ``COLUMNS``, a row a copy."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerows([COLUMNS, *found])
    return file.getvalue()


def as_text(module: ImageDataModule, found: list[Copy]) -> list[str]:
    """Lines: what was compared, an image each, and what ``copies=exclude`` would do."""
    height, width = module.image_size
    amount = len({copy.image for copy in found})
    compared = f"of {len(module.table)}, compared at {height} x {width} pixels"
    if not found:
        return [f"{module.name}: no image stands twice {compared}"]
    lines = [f"{module.name}: {amount} images stand in {len(found)} rows {compared}"]
    for number in range(1, amount + 1):
        same = [copy for copy in found if copy.image == number]
        named = ", ".join(f"'{c.id}' ({c.label}, {c.split})" for c in same)
        said = {"same": "", "differ": "; other files: compare at a larger --size", "": ""}
        labels = "; LABELS DIFFER" if same[0].labels == "differ" else ""
        lines.append(f"{number}. {named}{said[same[0].files]}{labels}")
    left = {s: sum(c.excluded for c in found if c.split == s) for s in ("train", "val")}
    unlike = len({copy.image for copy in found if copy.labels == "differ"})
    return [
        *lines,
        (f"Labels differ on {unlike} of these images. " if unlike else "Their labels agree. ")
        + f"copies=exclude takes {left['train']} rows out of train and {left['val']} out of val, "
        "as copies of what is held out; test stays whole.",
    ]
