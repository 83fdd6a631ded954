"""Seeds with splits of their own: which rows share a table, and what its intervals know."""

import numpy as np
import pytest
from scipy.stats import t as student

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from medtail.benchmark.comparison.differences import compare
from medtail.benchmark.evidence.record import Content
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.scoring import submission
from medtail.benchmark.statistics.variance import moderated
from medtail.datamodules.core.errors import MedtailError
from tests.boards import TERMS, done

VALUES = {
    "a": (0.50, 0.56, 0.59),
    "b": (0.48, 0.50, 0.52),
    "c": (0.41, 0.49, 0.44),
    "d": (0.61, 0.58, 0.66),
}


def record(method, seed, value=0.5, share=0.2, lists=None, **content):
    terms = TERMS.model_copy(update={"draws": 3, "draw": seed})
    facts = {"data": f"split {seed}", "pixels": "p", "method": "m", "shared": "s", "recipe": "r"}
    facts |= {"samples": "all", "test_share": share} | content
    made, scores = done(
        method,
        seed,
        terms,
        lists=lists or f"list {seed}",
        content=Content(**facts),
        class_counts=(50 + seed, 900, 10),
        support=(20 - seed, 20, 20 + seed),
    )
    if value is None:  # what its predictions give
        metrics, balanced = (
            score(scores, scores, made.class_counts, ordinal=False, prior=prior)
            for prior in ("natural", "balanced")
        )
        return made.model_copy(update={"metrics": metrics, "balanced": balanced}), scores
    metrics = made.metrics | {"balanced_accuracy": value, "recall": [value, 0.5, None]}
    return made.model_copy(update={"metrics": metrics}), scores


def table(share=0.2):
    made = [record(m, s, v, share) for m, vs in VALUES.items() for s, v in enumerate(vs)]
    (section,) = sections([r for r, _ in made])
    return section, Precision(section, replicates(section, {}))


def test_draws_share_a_table_though_their_splits_counts_and_tests_differ():
    section, _ = table()
    assert section.resplit
    assert [r.name for r in section.rows] == ["d", "a", "b", "c"]
    assert all(r.complete for r in section.rows)
    other = [record("a", s)[0] for s in range(3)]
    other += [record("b", s, samples="others")[0] for s in range(3)]
    assert len(sections(other)) == 2, "other images are another table"


def test_an_interval_is_that_of_nadeau_and_bengio_on_the_moderated_variance():
    section, known = table()
    values = np.array([VALUES[r.name] for r in section.rows])
    variance, freedom = moderated(values.var(1, ddof=1), np.full(4, 2.0))
    place = [r.name for r in section.rows].index("a")
    error = np.sqrt(variance[place] * (1 / 3 + 0.2 / 0.8))  # tested over trained on
    found = known.single("a", "balanced_accuracy")
    half = student.ppf(0.975, freedom[place]) * error
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))
    one, other = np.triu_indices(4, 1)
    apart = values[one] - values[other]
    variance, freedom = moderated(apart.var(1, ddof=1), np.full(6, 2.0), total=6.0)
    pair = [r.name for r in section.rows]
    place = next(n for n in range(6) if {pair[one[n]], pair[other[n]]} == {"a", "c"})
    found = known.pair("a", "c", "balanced_accuracy")
    assert found.error == pytest.approx(np.sqrt(variance[place] * (1 / 3 + 0.25)))
    assert found.freedom == pytest.approx(freedom[place])


def test_the_more_is_tested_the_less_sure_and_without_it_seeds_are_independent():
    (_, little), (_, much), (_, none) = table(0.1), table(0.5), table(0.0)
    errors = [k.pair("a", "b", "balanced_accuracy").error for k in (none, little, much)]
    assert errors == sorted(errors)
    assert errors[2] / errors[0] == pytest.approx(2)  # (1/3 + 1) over 1/3


def test_a_split_that_stays_is_an_ordinary_table_whose_cut_moves():
    made = [record(m, s, lists="official")[0] for m in "ab" for s in range(3)]
    (section,) = sections(made)
    assert not section.resplit


def test_a_page_says_what_its_intervals_know_and_compare_pairs_the_draws(tmp_path):
    made = [record(m, s, None) for m in VALUES for s in range(3)]
    leaderboard.publish(tmp_path, made)
    leaderboard.render(tmp_path)
    page = (tmp_path / "fake@natural.md").read_text()
    assert "3 draws: every seed has one of them" in page
    assert "of which each has its own split" in page
    assert "by a bootstrap" not in page
    [found] = compare(tmp_path, ["fake@natural"], "a", ["c"])
    of = {m: [r.metrics["balanced_accuracy"] for r, _ in made if r.cell.method == m] for m in "ac"}
    expected = np.mean(of["a"]) - np.mean(of["c"])
    assert abs(expected) > 0.005
    assert found.metrics[0].estimate.value == pytest.approx(expected)
    unlike = done("erm", 9, absent=(2,))[1]
    moved = [
        (r.model_copy(update={"predictions": unlike.digest}), unlike) if r.cell.method == "c"
        else (r, p) for r, p in made
    ]  # fmt: skip
    leaderboard.publish(tmp_path, moved)
    with pytest.raises(MedtailError, match="were scored on other ids or targets"):
        compare(tmp_path, ["fake@natural"], "a", ["c"])


def test_no_one_set_of_predictions_is_of_all_draws(tmp_path):
    leaderboard.publish(tmp_path, [record("a", s) for s in range(3)])
    with pytest.raises(MedtailError, match="a board of 3 draws: every seed is tested") as told:
        submission.truth_of(tmp_path, "fake@natural")
    assert "\n" not in str(told.value)
    # Beside a table of one split, that is what they are held against.
    leaderboard.publish(tmp_path, [done("b", s) for s in range(2)])
    known = submission.truth_of(tmp_path, "fake@natural")
    assert [row.name for row in known.section.rows] == ["b"]
