"""Pages and the browser that shows them, made once for all files of this folder."""

import shutil
from functools import partial

import pytest

from medtail.benchmark.boards import json_form
from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.boards.page import document as page
from medtail.benchmark.boards.row_curves import row_curves
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import standings
from medtail.benchmark.evidence.record import read_lines
from tests import ROOT
from tests.benchmark.boards.page.pages import EVIL, REAL, document, seeds
from tests.boards import active, done, failed, few_shot, one_class
from tests.chromium import Chromium


@pytest.fixture(scope="package")
def drawn():
    """A board of every track; names and reasons that attack the page; a class without images."""
    natural = [
        *seeds(done, ("erm", "focal", "ldam"), absent=(1,), source=EVIL),
        *seeds(done, ("erm",), absent=(1,), source=EVIL, params={EVIL: EVIL}),
        failed("ldam", 2, reason=EVIL),
        done("erm", 2, absent=(1,), source=EVIL),
    ]
    return document(
        {
            "fake@natural": natural,
            "fake@shot5": seeds(few_shot, ("erm", "maml")),
            "fake@oneclass": seeds(one_class, ("erm", "knn")),
            "fake@active": seeds(active, ("erm", "badge", "entropy")),
        }
    )


@pytest.fixture(scope="package")
def drawn_page(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "index.html"
    path.write_text(page.html(drawn))
    return path


@pytest.fixture(scope="package")
def real(tmp_path_factory):
    """A table of a committed board, that of networks from scratch: its records, and its page."""
    root = tmp_path_factory.mktemp("real")
    for kind in ("records", "statistics", "predictions"):
        for path in (ROOT / "leaderboards" / kind).glob(f"{REAL}.*"):
            (root / kind).mkdir(exist_ok=True)
            shutil.copy(path, root / kind)
    every = read_lines(root / "records" / f"{REAL}.jsonl")
    records = [r for r in every if r.cell.terms.weights is None]
    parts = sections(records)
    known = standings(root, REAL, parts, partial(read_predictions, root, REAL))
    curves = [row_curves(part, read_predictions(root, REAL)) for part in parts]
    path = root / "index.html"
    path.write_text(page.html(json_form.document({REAL: parts}, {REAL: known}, {REAL: curves})))
    return records, path


@pytest.fixture(scope="package")
def browser():
    with Chromium() as found:
        yield found
