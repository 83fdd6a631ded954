"""Boards of very many rows: how long they take to render, and their page to open.

``tools/load_boards.py [METHODS SOURCES SEEDS IMAGES]`` (100, 10, 5 and 1,000) makes up as many
records of the long tail, each with predictions of as many test and 400 validation images of seven
classes, renders all boards as ``medtail leaderboards`` does, from nothing and once more, and opens
the page in a headless Chromium, where there is one.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from medtail.benchmark.boards import leaderboard
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Record
from medtail.benchmark.grid.cell import Cell, Terms
from medtail.benchmark.metrics.long_tail import score
from tests.boards import COST, WHERE
from tests.chromium import Chromium, find

NAMES = ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc")
COUNTS = (778, 4693, 359, 228, 769, 80, 98)
VALIDATION = 400
Pair = tuple[Record, Predictions]


def drawn(rng: np.random.Generator, images: int, skill: float) -> Predictions:
    """Predictions of drawn images, two a group, the better the larger ``skill`` is."""
    share = np.array(COUNTS) / sum(COUNTS)
    target = np.sort(np.resize(rng.choice(len(COUNTS), images, p=share), images))
    target[: len(COUNTS)] = range(len(COUNTS))
    names = np.array([f"s{i:04d}" for i in range(images)])
    groups = np.array([f"g{i // 2:04d}" for i in range(images)])
    logits = rng.normal(size=(images, len(COUNTS))) + skill * np.eye(len(COUNTS))[target]
    return Predictions.of(names, groups, target, logits)


def made(slug: str, number: int, seed: int, images: int) -> tuple[Pair, Predictions]:
    """A finished cell, and its predictions of validation."""
    cell = Cell(method="mixup", params={"alpha": number}, seed=seed, terms=Terms(data=slug))
    shared = np.random.default_rng(abs(hash(slug)) % 2**32)  # all rows see the same images
    test, val = (drawn(shared, n, 1 + number / 100) for n in (images, VALIDATION))
    noise = np.random.default_rng([number, seed])
    test, val = (
        Predictions.of(p.id, p.group, p.target, p.logits + noise.normal(size=p.logits.shape))
        for p in (test, val)
    )
    record = Record(
        cell_id=cell.id,
        cell=cell.model_copy(update={"label": f"method_{number:03d}"}),
        status="ok",
        class_names=NAMES,
        class_counts=COUNTS,
        support=tuple(np.bincount(test.target, minlength=len(COUNTS)).tolist()),
        metrics=score(test, val, COUNTS, ordinal=False),
        balanced=score(test, val, COUNTS, ordinal=False, prior="balanced"),
        provenance=WHERE,
        cost=COST,
        predictions=test.digest,
        validation=val.digest,
    )
    return (record, test), val


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Make, render, open, and print the seconds."""
    methods, sources, seeds, images = map(int, sys.argv[1:5] or (100, 10, 5, 1000))
    with tempfile.TemporaryDirectory(prefix="medtail-boards-") as place:
        root = Path(place)
        for source in range(sources):
            slug = f"source{source}@natural"
            rows = [made(slug, n, s, images) for n in range(methods) for s in range(seeds)]
            held = {record.cell_id: val for (record, _), val in rows}
            leaderboard.publish(root, [pair for pair, _ in rows], held)
            say(f"made {source + 1} of {sources}")
        for words in ("from nothing", "once more"):
            start = time.monotonic()
            leaderboard.render(root)
            say(f"{methods} x {sources} x {seeds}: {words} {time.monotonic() - start:.1f} s")
        page = root / "index.html"
        say(f"page of {page.stat().st_size / 2**20:.1f} MiB")
        if find():
            with Chromium() as browser:
                start = time.monotonic()
                browser.show(page)
                rows_shown = browser.run("document.querySelectorAll('tr').length")
                say(f"opened in {time.monotonic() - start:.2f} s, {rows_shown} rows of tables")


if __name__ == "__main__":
    main()
