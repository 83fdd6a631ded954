"""What each regime makes of a dataset: which rows are trained, validated, tested."""

from dataclasses import replace

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules.core.contract import EpisodeShape
from medtail.datamodules.core.errors import DataError, MedtailError
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import plans, regimes
from medtail.datamodules.core.splitting.plan import Facts
from medtail.datamodules.core.splitting.plans import plan

HAM10000 = (1113, 6705, 514, 327, 1099, 115, 142)
NAMES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")


def facts(regime: str, counts=HAM10000, names=NAMES, seed=0, rare_names=()) -> Facts:
    """Lesions of one or two images, split 70 : 10 : 20 by lesion."""
    rng = np.random.default_rng(1)
    target = np.repeat(np.arange(len(counts)), counts)
    group = np.concatenate([np.sort(rng.integers(0, 3 * n // 4 + 1, n)) for n in counts])
    group = np.array([f"{t}-{g}" for t, g in zip(target, group, strict=True)])
    _, number = np.unique(group, return_inverse=True)
    split = np.array(["train"] * 7 + ["val"] + ["test"] * 2, "U8")[number % 10]
    name = DataName("isic2018", "", regime)
    return Facts(name, names, False, target, group, split, seed, rare_names)


def shared(given: Facts, *parts: np.ndarray) -> set[str]:
    """Groups that stand in two parts."""
    groups = [set(given.group[rows].tolist()) for rows in parts]
    return {g for i, a in enumerate(groups) for b in groups[i + 1 :] for g in a & b}


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        ("natural", "long_tail"),
        ("lt100", "long_tail"),
        ("monica100", "long_tail"),
        ("shot5", "few_shot"),
        ("shot1all", "few_shot"),
        ("shot1rest", "few_shot"),
        ("oneclass", "one_class"),
        ("binary20", "one_class"),
        ("active", "active"),
        ("activebinary", "active"),
    ],
)
def test_the_regime_decides_the_track(regime, expected):
    assert regimes.track(regime) == expected
    if not regime.startswith("monica"):
        assert plan(facts(regime)).track == expected


@pytest.mark.parametrize(
    "regime", ["shot", "shot0", "oneclass5", "binary", "lt5all", "lt5rest", "active3"]
)
def test_malformed_regimes_are_refused(regime):
    with pytest.raises(MedtailError, match=regime):
        regimes.parse("isic2018", regime)


def test_counts_have_every_class():
    given = facts("natural")
    without = replace(given, split=np.where(given.target == 6, "test", given.split))
    assert without.counts.tolist() == [*given.counts.tolist()[:-1], 0]


def test_few_shot_trains_the_common_and_tests_the_rare():
    given = facts("shot5")
    made = plan(given)
    assert made.class_names == ("MEL", "NV", "BCC", "BKL")  # Li et al. 2020, section 2.1
    assert made.sought == ("AKIEC", "DF", "VASC")
    assert made.names == (*made.class_names, *made.sought)
    assert made.episodes == EpisodeShape(2, 5, 15)
    assert (made.episodes.support, made.episodes.images) == (10, 40)
    for row, name in enumerate(np.array(NAMES)[given.target]):
        assert made.names[made.target[row]] == name
    assert set(np.array(NAMES)[given.target[made.test]]) == set(made.sought)
    assert len(made.test) == 327 + 115 + 142  # of all splits: no training sees them
    for rows, split in ((made.train, "train"), (made.val, "val")):
        assert set(given.split[rows]) == {split}
        assert not np.isin(given.target[rows], (3, 5, 6)).any()
    assert not shared(given, made.train, made.val, made.test)


def test_few_shot_leaves_out_what_is_excluded():
    given = facts("shot1")
    copy = np.flatnonzero(given.target == 5)[0]
    given.split[copy] = "excluded"
    assert copy not in plan(given).test
    assert len(plan(given).test) == 327 + 115 + 142 - 1


def test_few_shot_of_all_rare_classes():
    assert plan(facts("shot1all")).episodes == EpisodeShape(3, 1, 15)


def test_the_rest_is_a_test_of_its_own_on_the_same_training():
    given, every = plan(facts("shot1rest")), plan(facts("shot1all"))
    assert (given.rest, every.rest, plan(facts("shot1")).rest) == (True, False, False)
    assert given.episodes == every.episodes == EpisodeShape(3, 1, 15)
    for part in ("train", "val", "test"):
        assert np.array_equal(getattr(given, part), getattr(every, part))


def test_a_protocol_may_name_its_rare_classes():
    made = plan(facts("shot1", rare_names=("NV", "DF")))
    assert made.sought == ("NV", "DF")


def test_few_shot_needs_enough_classes():
    with pytest.raises(DataError, match="too few for episodes"):
        plan(facts("shot1", (50, 40, 30, 20), tuple("abcd")))


def test_one_class_sees_no_abnormal_label_before_the_test():
    given = facts("oneclass")
    made = plan(given)
    assert made.class_names == ("NV", "not NV")
    for rows in (made.train, made.val):
        assert (given.target[rows] == 1).all()
    assert (made.target == (given.target != 1)).all()
    assert np.array_equal(made.test, np.flatnonzero(given.split == "test"))
    train = np.flatnonzero(given.split == "train")
    assert np.array_equal(np.sort(np.r_[made.train, made.withheld]), train)
    assert (given.target[made.withheld] != 1).all()


def test_binary_gives_a_few_abnormal_labels():
    given = facts("binary20")
    made = plan(given)
    normal, abnormal = np.bincount(made.target[made.train])
    assert normal // 20 == abnormal
    assert not len(made.withheld)
    assert np.array_equal(made.val, np.flatnonzero(given.split == "val"))


@pytest.mark.parametrize("regime", ["active", "activebinary"])
def test_active_parts_are_disjoint_by_lesion(regime):
    given = facts(regime)
    made = plan(given)
    parts = (made.train, made.query, made.pool)
    assert sum(map(len, parts)) == len(set(np.concatenate(parts).tolist()))
    assert not shared(given, *parts)
    assert not shared(given, np.concatenate(parts), made.val, made.test)
    assert set(given.split[np.concatenate(parts)]) == {"train"}
    assert made.rare == (3, 5, 6)  # as in the notebooks of CLINICAL's authors
    assert np.bincount(given.target[made.query], minlength=7).tolist() == [0, 0, 0, 10, 0, 10, 10]
    again = plan(facts(regime))
    assert np.array_equal(again.train, made.train)
    assert not np.array_equal(plan(facts(regime, seed=1)).train, made.train)


def test_active_labels_a_fifth_of_the_natural_long_tail():
    given = facts("active")
    made = plan(given)
    labelled = np.bincount(given.target[made.train], minlength=7)
    assert np.abs(labelled / given.counts - 0.2).max() < 0.02
    everything = np.concatenate([made.train, made.query, made.pool])
    assert np.array_equal(np.sort(everything), np.flatnonzero(given.split == "train"))


def test_active_binary_has_one_count_for_rare_and_one_for_frequent_classes():
    given = facts("activebinary")
    made = plan(given)
    rare = np.array(made.rare)
    for rows in (made.train, made.pool):
        counts = np.bincount(given.target[rows], minlength=7)
        frequent = np.delete(counts, rare)
        assert np.ptp(frequent) <= 1
        assert np.ptp(counts[rare]) <= 1
        assert 7 < frequent.mean() / counts[rare].mean() < 11  # 8, rounded down
    labelled, pooled = (len(rows) for rows in (made.train, made.pool))
    assert labelled * 8 - 8 <= pooled <= labelled * 8


def test_active_seeks_a_fifth_of_each_rare_class_at_least_one_and_not_too_many():
    assert plans._sought(np.array([1, 4, 9, 10, 14, 10_000])).tolist() == [
        *(1, 1, 1, 2, 2),
        plans.MOST_SOUGHT,
    ]


def test_active_needs_rare_images():
    with pytest.raises(DataError, match="too few"):
        plan(facts("activebinary", (300, 200, 100, 20, 20, 20, 20)))


def test_keep_changes_what_a_method_is_told(tmp_path):
    data = datamodules.build("phantom@active", 16, cache=tmp_path, count=700)
    data.prepare()
    before, first = data.spec, data.rows("train")
    data.keep(np.r_[first, data.rows("pool")[:5]])
    assert sum(data.spec.class_counts) == sum(before.class_counts) + 5
    data.keep(data.plan.train)
    assert data.spec == before
