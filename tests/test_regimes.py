"""Regimes: counts against an independent transcription of each formula; cuts by whole groups."""

import csv
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twins import isic2018_official

import datamodules
from datamodules.core import regimes
from datamodules.core.errors import DataError, MedtailError

counts = st.lists(st.integers(1, 3000), min_size=2, max_size=12)
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


def test_unknown_and_impossible_regimes():
    have = np.array([50, 20])
    for regime in ("tail10", "lt", "lt0", "monica7", "binary"):
        with pytest.raises(MedtailError):
            regimes.wanted_counts("x", regime, ("a", "b"), have)
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
    assert binary.class_names == ("MEL", "not MEL")  # the twin's most frequent class
    few, many = sorted(binary.spec.class_counts)
    assert many // 5 == few
    assert (binary.target == (natural.target != 0)).all()
    assert binary.rows("test").tolist() == natural.rows("test").tolist()


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
            published.setdefault((row["dataset"], row["setting"]), {})[name] = int(row["count"])
    classes = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC")
    for ratio in ("100", "200", "500"):
        found = regimes.published_counts("isic2019", f"monica{ratio}", classes)
        assert dict(zip(classes, found.tolist(), strict=True)) == published["isic2019", ratio]


@pytest.mark.real
@pytest.mark.parametrize("regime", ["lt100", "step50", "binary20"])
def test_real_ham10000(real_data, cache_folder, regime):
    arguments = {"root": real_data, "cache": cache_folder}
    natural = datamodules.build("isic2018", **arguments)
    module, again, other = (datamodules.build(f"isic2018@{regime}", **arguments) for _ in range(3))
    natural.prepare(), module.prepare(), again.prepare()
    assert module.spec.class_counts == tuple(module.wanted)  # exact, as most lesions have one image
    ratio = int(regime.lstrip("abcdefghijklmnopqrstuvwxyz"))
    assert max(module.spec.class_counts) // ratio == min(module.spec.class_counts)
    assert module.rows("train").tolist() == again.rows("train").tolist()
    kept, train = set(module.rows("train").tolist()), set(natural.rows("train").tolist())
    assert kept < train
    if not regimes.is_binary(regime):
        cut = {natural.table.group[i] for i in train - kept}
        assert not cut & {natural.table.group[i] for i in kept}
    for split in ("val", "test"):
        assert module.rows(split).tolist() == natural.rows(split).tolist()
    other.split_seed = 1
    other.prepare()
    assert other.digest != module.digest
