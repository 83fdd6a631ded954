"""Regimes: counts against an independent transcription of each formula; cuts by whole groups."""

import csv
import math
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from medtail import datamodules
from medtail.datamodules import hyperkvasir, isic2019, medmnist
from medtail.datamodules.core.card import card
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.splitting import regimes
from tests.twins import aptos2019_twin, isic2018_official, write_csv, write_image

counts = st.lists(st.integers(1, 3000), min_size=2, max_size=12)
CLASSES_OF = {
    "isic2019": isic2019.CLASSES,
    "hyperkvasir": tuple(hyperkvasir.MONICA14.values()),
}
ratios = st.sampled_from([1, 2, 5, 20, 50, 100])


def exponential(available, ratio):
    """The largest n_max whose profile floor(n_max / ratio^(i / (K - 1))) the classes can fill."""
    order = sorted(range(len(available)), key=lambda k: (-available[k], k))
    steps = len(available) - 1
    for largest in range(max(available), 0, -1):
        profile = [math.floor(largest / ratio ** (i / steps) + 1e-9) for i in range(steps + 1)]
        if all(p <= available[k] for p, k in zip(profile, order, strict=True)):
            return [profile[order.index(k)] for k in range(len(available))]
    return [0] * len(available)


def step(available, ratio):
    order = sorted(range(len(available)), key=lambda k: (-available[k], k))
    half = math.ceil(len(available) / 2)
    for largest in range(max(available), 0, -1):
        few = largest // ratio
        wanted = {k: largest if i < half else few for i, k in enumerate(order)}
        if all(wanted[k] <= available[k] for k in order):
            return [wanted[k] for k in range(len(available))]
    return [0] * len(available)


@given(counts, ratios)
@settings(max_examples=60, deadline=None)
def test_long_tail_formula(available, ratio):
    found = regimes.long_tail_counts(np.array(available), ratio)
    assert found.tolist() == exponential(available, ratio)


@given(counts, ratios)
@settings(max_examples=60, deadline=None)
def test_step_formula(available, ratio):
    found = regimes.step_counts(np.array(available), ratio)
    assert found.tolist() == step(available, ratio)


@given(st.integers(1, 3000), st.integers(1, 3000), ratios)
@settings(max_examples=60, deadline=None)
def test_binary_formula(given_images, rest, ratio):
    """The largest g of the given class for which g // ratio of the rest are there."""
    found = regimes.binary_counts(np.array([given_images, rest]), ratio)
    largest = max(g for g in range(given_images + 1) if g // ratio <= rest)
    assert found.tolist() == [largest, largest // ratio]


@given(counts, st.sampled_from(["lt", "step"]), ratios)
@settings(max_examples=60, deadline=None)
def test_counts_fall_with_frequency_and_keep_the_ratio(available, kind, ratio):
    names = tuple(f"c{k}" for k in range(len(available)))
    have = np.array(available)
    try:
        wanted = regimes.wanted_counts("x", f"{kind}{ratio}", names, have)
    except DataError:
        assume(False)
    ordered = wanted[np.argsort(-have, kind="stable")]
    assert (np.diff(ordered) <= 0).all()
    assert wanted.max() // ratio == wanted.min()
    assert (wanted <= have).all()


def test_ham10000_long_tail_at_100():
    have = np.array([779, 4693, 359, 228, 769, 80, 98])
    wanted = regimes.wanted_counts("isic2018", "lt100", tuple("abcdefg"), have)
    assert wanted[1] // wanted[5] == 100 or wanted[1] / wanted[5] == pytest.approx(100, rel=0.06)


EXAMPLES = {
    "natural": "natural", "lt": "lt100", "step": "step50", "binary": "binary20",
    "oneclass": "oneclass", "shot": "shot5", "shotall": "shot5all", "active": "active",
    "activebinary": "activebinary", "monica": "monica100", "shotrest": "shot1rest",
}  # fmt: skip


def test_every_kind_that_is_read_is_told_and_none_else():
    """What `medtail list` and the report say of a regime."""
    told = {re.sub(r"<\w+>", "", name): text for name, text in regimes.KINDS.items()}
    assert told.keys() == EXAMPLES.keys()
    assert all(told.values())
    for kind, example in EXAMPLES.items():
        assert regimes.parse("isic2019", example)[0] == kind


def test_unknown_and_impossible_regimes():
    have = np.array([50, 20])
    for regime in ("tail10", "lt", "lt0", "monica7", "binary"):
        with pytest.raises(MedtailError):
            regimes.wanted_counts("x", regime, ("a", "b"), have)
    with pytest.raises(MedtailError, match="ratio is at least 1, such as lt100"):
        regimes.parse("x", "lt0")
    with pytest.raises(MedtailError, match="number of shots is at least 1, such as shot5"):
        regimes.parse("x", "shot0")
    with pytest.raises(DataError, match="without a training image"):
        regimes.wanted_counts("x", "lt100", ("a", "b"), have)


@st.composite
def grouped(draw):
    target, group = [], []
    for c in range(draw(st.integers(2, 4))):
        for _ in range(draw(st.integers(2, 30))):
            size = draw(st.integers(1, 3))
            target += [c] * size
            group += [f"g{len(group)}"] * size
    wanted = [draw(st.integers(1, n)) for n in np.bincount(target)]
    return np.array(target), np.array(group), np.array(wanted)


@given(grouped(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_cut_by_whole_groups(data, seed):
    target, group, wanted = data
    kept = regimes.cut(target, group, wanted, seed)
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert kept.tolist() == regimes.cut(target, group, wanted, seed).tolist()
    inside = np.isin(np.arange(len(target)), kept)
    for name in np.unique(group):
        assert len(set(inside[group == name])) == 1
    have = np.bincount(target[kept], minlength=len(wanted))
    sizes = [np.unique(group[target == c], return_counts=True)[1] for c in range(len(wanted))]
    for c, amount in enumerate(wanted):
        assert have[c] >= 1
        assert have[c] <= max(amount, sizes[c].min())
        if sizes[c].min() == sizes[c].max() == 1:
            assert have[c] == amount


@given(grouped())
@settings(max_examples=30, deadline=None)
def test_cut_is_exact_without_groups(data):
    target, _, wanted = data
    kept = regimes.cut(target, np.arange(len(target)).astype(str), wanted, 0)
    assert np.bincount(target[kept]).tolist() == wanted.tolist()


def test_cut_depends_on_the_seed():
    target, group = np.zeros(100, int), np.arange(100).astype(str)
    first, second = (regimes.cut(target, group, np.array([50]), s).tolist() for s in (0, 1))
    assert first != second


def test_binary_folds_the_classes(tmp_path):
    isic2018_official(tmp_path)
    arguments = {"root": tmp_path, "cache": tmp_path / "cache"}
    natural = datamodules.build("isic2018", **arguments)
    binary = datamodules.build("isic2018@binary5", **arguments)
    natural.prepare(), binary.prepare()
    assert binary.spec.class_names == ("MEL", "not MEL")  # the twin's most frequent class
    given, rest = binary.plan.wanted
    assert given // 5 == rest
    assert binary.spec.class_counts[0] > binary.spec.class_counts[1] > 0
    assert (binary.target == (natural.target != 0)).all()
    assert binary.rows("test").tolist() == natural.rows("test").tolist()


@pytest.mark.parametrize("frequent", [35, 80])
def test_binary_counts_the_most_frequent_class_first(tmp_path, frequent):
    """Whether that class is less or more than half of all images."""
    labels = ["common"] * frequent + ["rare"] * 30 + ["rarer"] * 25
    rows = [(f"{n}.png", label) for n, label in enumerate(labels)]
    write_csv(tmp_path / "images.csv", ("image", "label"), rows)
    for n, (name, _) in enumerate(rows):
        write_image(tmp_path / name, n)
    name, file = "image_table@binary5", tmp_path / "images.csv"
    module = datamodules.build(name, 8, file=file, cache=tmp_path / "cache")
    module.prepare()
    assert module.spec.class_names == ("common", "not common")
    given, rest = module.spec.class_counts
    assert given // 5 == rest > 0
    assert given == (module.split[module.table.target == 0] == "train").sum()  # all there are


def test_binary_classes_are_not_ordered(tmp_path):
    aptos2019_twin(tmp_path)
    for regime, ordered in (("natural", True), ("lt2", True), ("binary2", False)):
        name = f"aptos2019@{regime}"
        module = datamodules.build(name, 8, root=tmp_path, cache=tmp_path / "cache")
        module.prepare()
        assert module.spec.ordinal == ordered
        assert (", ordered" in card(module)) == ordered


@pytest.mark.real
def test_monica_counts_are_the_published_ones(real_data):
    folder = real_data / "monica"
    names = {}
    for row in csv.DictReader((folder / "label_names.csv").open()):
        names[row["dataset"], row["label_by_frequency"]] = row["original_label"]
    published = {}
    for row in csv.DictReader((folder / "class_counts.csv").open()):
        if row["split"] == "train":
            name = names[row["dataset"], row["label_by_frequency"]]
            key = (row["dataset"].replace("kvasir", "hyperkvasir"), row["setting"])
            published.setdefault(key, {})[name.lower()] = int(row["count"])
    tables = regimes._monica()
    setting = {key: key[1].removeprefix("monica").removeprefix("_") for key in tables}
    assert {(dataset, setting[dataset, regime]) for dataset, regime in tables} == set(published)
    assert len(tables) == len(published) == 10
    for dataset, regime in tables:
        expected = published[dataset, setting[dataset, regime]]
        classes = CLASSES_OF.get(dataset) or tuple(medmnist.official(dataset)["label"].values())
        found = regimes.published_counts(dataset, regime, classes).tolist()
        # MONICA names the classes of MedMNIST by their numbers.
        keys = [n.lower() if dataset in CLASSES_OF else str(k) for k, n in enumerate(classes)]
        assert dict(zip(keys, found, strict=True)) == expected, (dataset, regime)


@pytest.mark.real
@pytest.mark.parametrize("regime", ["lt100", "step50", "binary20"])
def test_real_ham10000(real_data, cache_folder, regime):
    arguments = {"root": real_data, "cache": cache_folder}
    natural = datamodules.build("isic2018", **arguments)
    module, again, other = (datamodules.build(f"isic2018@{regime}", **arguments) for _ in range(3))
    natural.prepare(), module.prepare(), again.prepare()
    assert module.spec.class_counts == tuple(
        module.plan.wanted
    )  # exact, as most lesions have one image
    ratio = int(regime.lstrip("abcdefghijklmnopqrstuvwxyz"))
    assert max(module.spec.class_counts) // ratio == min(module.spec.class_counts)
    if regime == "lt100":  # published with the first leaderboard
        assert module.spec.class_counts == (778, 1678, 167, 77, 361, 16, 36)
        assert module.digest == "f1da8195bf78ddfc"
    assert module.rows("train").tolist() == again.rows("train").tolist()
    kept, train = set(module.rows("train").tolist()), set(natural.rows("train").tolist())
    assert kept < train
    if not regime.startswith("binary"):
        cut = {natural.table.group[i] for i in train - kept}
        assert not cut & {natural.table.group[i] for i in kept}
    for split in ("val", "test"):
        assert module.rows(split).tolist() == natural.rows(split).tolist()
    other.split_seed = 1
    other.prepare()
    assert other.digest != module.digest
