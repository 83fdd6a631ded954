"""The shortcut probe: what it is given, and what it makes of it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from medtail import datamodules
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.sources.probe import as_numbers, border, facts, interval, probe, told
from tests.twins import write_csv


@pytest.fixture
def made(tmp_path):
    """Noise of two classes; what is told of ``b`` is said by a word.

    ``size``: its files are wider; ``border``: their outermost pixels are bright; nothing: neither.
    """

    def write(how=""):
        rng, rows = np.random.default_rng(0), []
        for n in range(240):
            b = n % 3 == 0
            shape = (20, 30 if b and how == "shape" else 20, 3)
            pixels = rng.integers(0, 100, shape, np.uint8)
            if b and how == "border":
                for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
                    edge += 60
            if b and how == "middle":
                pixels[5:-5, 5:-5] += 100
            Image.fromarray(pixels).save(tmp_path / f"{n}.bmp")
            rows.append((f"{n}.bmp", "ab"[b], f"g{n // 3}"))
        write_csv(tmp_path / "t.csv", ("image", "label", "group"), rows)
        file = tmp_path / "t.csv"
        data = datamodules.build("image_table", 16, file=file, cache=tmp_path / "cache")
        data.setup()
        return data

    return write


@pytest.mark.parametrize(("how", "kind"), [("shape", "shape"), ("border", "border")])
def test_what_tells_the_class_is_found(made, how, kind):
    data = made(how)
    known = facts(data)
    assert probe(data, {kind: known[kind]}).auc.mean > 0.9
    assert probe(data, known).auc.low > 0.5


@pytest.mark.parametrize("how", ["", "middle"])
def test_what_stands_in_the_middle_is_not_seen(made, how):
    data = made(how)
    known = {kind: v for kind, v in facts(data).items() if kind != "file"}
    found = probe(data, known).auc
    assert found.low < 0.5 < found.high


def test_what_stands_beside_the_images_is_asked(made):
    data = made()
    classes = np.array(data.class_names)[data.table.target]
    assert "device" not in facts(data)
    data.beside = lambda: {"device": ["x" if c == "b" else "y" for c in classes]}
    known = facts(data)
    assert probe(data, {"device": known["device"]}).auc.mean == 1


def test_it_learns_from_training_images_and_is_tested_on_the_others(made):
    data = made("shape")
    known = facts(data)
    test = probe(data, known).predictions
    assert test.id.tolist() == data.table.id[data.rows("test")].tolist()
    assert test.group.tolist() == data.table.group[data.rows("test")].tolist()
    table = data.table
    data.table = replace(table, group=None)
    assert probe(data, known).predictions.group.tolist() == test.id.tolist(), "each its own"
    data.table = table
    swapped = {kind: v.copy() for kind, v in known.items()}
    rows = data.rows("val")
    for values in swapped.values():
        values[rows] = -7
    assert (probe(data, swapped).predictions.logits == test.logits).all()


def test_the_border_is_the_outermost_pixels():
    image = np.zeros((4, 5, 2), np.uint8)
    image[1:-1, 1:-1] = 255
    assert border(image).tolist() == [0, 0, 0, 0]
    image[0, 0] = (140, 28)
    assert border(image)[:2].tolist() == [10, 2], "each pixel once: 14 of them"
    image[2, 4] = (140, 28)
    assert border(image)[:2].tolist() == [20, 4]


def test_columns_of_numbers_and_of_words():
    assert as_numbers(["3", "", "0.5"]).tolist() == [[3], [-1], [0.5]]
    words = as_numbers(["x", "y", "x", ""])
    assert words.shape == (4, 3)
    assert words.sum(1).tolist() == [1] * 4
    assert (words[0] == words[2]).all()
    assert len({tuple(row) for row in words}) == 3
    many = as_numbers([f"w{n % 60}" for n in range(600)])
    assert many.shape == (600, 40)


def test_auc_and_its_interval():
    rng = np.random.default_rng(0)
    target = np.arange(300) % 3
    logits = rng.normal(size=(300, 3)) + np.eye(3)[target]
    ids = np.array([f"i{n}" for n in range(300)])
    given = Predictions.of(ids, ids, target, logits)
    found = told(given).auc
    expected = roc_auc_score(target, given.probabilities, multi_class="ovr")
    assert found.mean == pytest.approx(expected, abs=1e-9)
    assert found.low < expected < found.high
    one = interval(np.concatenate([[0.7], np.linspace(0, 1, 1001)]))
    assert (one.mean, one.low, one.high) == pytest.approx((0.7, 0.025, 0.975))
