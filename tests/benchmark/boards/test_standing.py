"""How sure a table is: planted orders, summaries against the metrics, and the file they lie in."""

import json

import numpy as np
import pytest

from medtail.benchmark.boards import standing
from medtail.benchmark.boards.certainty import ends, places, sure
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import compute, standings
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.long_tail import score
from tests.boards import COUNTS, TERMS, active, done, few_shot, one_class

PRIMARY = "balanced_accuracy"


def planted(skills, seeds=3, n=600, absent=()):
    """Rows ``m0``, ``m1``, ... of growing or falling skill, of real predictions."""
    finished = []
    for place, skill in enumerate(skills):
        for seed in range(seeds):
            record, _ = done(f"m{place}", seed)
            rng = np.random.default_rng((place, seed))
            target = np.resize([k for k in range(3) if k not in absent], n)
            ids = np.array([f"s{i:04d}" for i in range(n)])
            logits = rng.normal(size=(n, 3)) + skill * np.eye(3)[target]
            given = Predictions.of(ids, ids, target, logits)
            update = {
                "predictions": given.digest,
                "support": tuple(np.bincount(target, minlength=3).tolist()),
                "metrics": score(given, given, COUNTS, ordinal=False),
                "balanced": score(given, given, COUNTS, ordinal=False, prior="balanced"),
            }
            finished.append((record.model_copy(update=update), given))
    table = sections([r for r, _ in finished])[0]
    return table, {r.cell_id: p for r, p in finished}


def test_clear_orders_are_sure_and_equals_are_not():
    table, stored = planted([2.0, 1.0, 0.3])
    found = compute(table, stored, "")
    assert [found.rows[f"m{k}"].ranks[PRIMARY] for k in range(3)] == [(1, 1), (2, 2), (3, 3)]
    assert [found.rows[f"m{k}"].wins[PRIMARY] for k in range(3)] == [1, 0.5, 0]
    table, stored = planted([1.0, 1.0, 1.0])
    alike = compute(table, stored, "")
    assert all(row.ranks[PRIMARY][1] >= 2 for row in alike.rows.values())
    assert sum(row.wins[PRIMARY] for row in alike.rows.values()) == pytest.approx(1.5, abs=1e-3)


def test_more_test_images_tell_smaller_differences():
    few, many = (planted([1.0, 1.05, 1.1, 1.15], n=n) for n in (150, 2400))
    small, large = (compute(*x, "").smallest_difference[PRIMARY] for x in (few, many))
    assert 2 < small / large < 5  # 4 by the images alone; what seeds vary by stays


def test_a_row_without_all_seeds_has_intervals_and_no_rank():
    table, stored = planted([1.0, 0.5])
    part = sections([r for r in table.records if (r.cell.method, r.cell.seed) != ("m0", 2)])[0]
    found = compute(part, stored, "")
    assert found.rows["m0"].ranks == {}
    assert found.rows["m1"].ranks[PRIMARY] == (1, 1)
    assert found.rows["m0"].intervals.keys() == found.rows["m1"].intervals.keys()
    assert places(found.rows["m0"], PRIMARY) == "-"


def test_intervals_are_of_the_metrics_of_the_records():
    table, stored = planted([1.0], absent=(2,))
    row = compute(table, stored, "").rows["m0"]
    records = table.rows[0].done
    for name, (mean, low, high) in row.intervals.items():
        assert mean == pytest.approx(np.mean([r.metrics[name] for r in records]), abs=1e-5)
        assert low <= mean <= high or name == "worst_class_recall"
    assert row.classes["recall"][2] is row.classes["auc"][2] is None
    assert {"macro_f1", "macro_auc", "balanced_accuracy", "worst_class_recall"} <= set(
        row.intervals
    )


@pytest.mark.parametrize("prior", ["natural", "balanced"])
def test_a_summary_gives_the_metrics_under_a_prior(prior):
    table, stored = planted([0.8], seeds=1)
    record = table.rows[0].done[0]
    (summary,) = compute(table, stored, "").rows["m0"].summaries
    confusion = np.array(summary.confusion, float)
    share = record.support / np.sum(record.support) if prior == "natural" else np.ones(3) / 3
    joint = confusion / confusion.sum(1, keepdims=True) * share[:, None]
    stands = record.metrics if prior == "natural" else record.balanced
    assert np.trace(joint) == pytest.approx(stands["accuracy"], abs=1e-6)
    f1 = 2 * np.diag(joint) / (joint.sum(0) + joint.sum(1))
    assert f1.mean() == pytest.approx(stands["macro_f1"], abs=1e-6)
    aucs = []
    for k in range(3):
        others = [j for j in range(3) if j != k]
        pairs = [summary.pairwise_auc[k][j] for j in others]
        aucs.append(np.average(pairs, weights=share[others]))
    assert np.mean(aucs) == pytest.approx(stands["macro_auc"], abs=1e-5)


def test_unchanged_evidence_is_not_drawn_again(tmp_path):
    table, stored = planted([1.0, 0.5])
    path = tmp_path / "statistics" / f"{TERMS.data}.json"
    first = standings(tmp_path, TERMS.data, [table], lambda: stored)
    before = path.read_bytes()
    again = standings(tmp_path, TERMS.data, [table], lambda: pytest.fail("drawn again"))
    assert again == first
    assert path.read_bytes() == before
    # Other evidence, or a damaged file: all is made again.
    other, scores = planted([1.0, 0.9])
    assert standings(tmp_path, TERMS.data, [other], lambda: scores) != first
    path.write_text("[{")
    assert standings(tmp_path, TERMS.data, [table], lambda: stored) == first
    assert path.read_bytes() == before
    json.loads(path.read_text())


def test_a_new_version_of_the_statistics_draws_again(tmp_path, monkeypatch):
    table, stored = planted([1.0], n=60)
    standings(tmp_path, TERMS.data, [table], lambda: stored)
    monkeypatch.setattr(standing, "VERSION", -1)
    asked = []
    standings(tmp_path, TERMS.data, [table], lambda: asked.append(1) or stored)
    assert asked


def test_active_learning_has_intervals_over_seeds_from_two():
    one, three = (sections([active("a", s, 0.4 + s / 10)[0] for s in range(n)])[0] for n in (1, 3))
    assert compute(one, {}, "").rows["a"].intervals == {}
    mean, low, high = compute(three, {}, "").rows["a"].intervals["rare_accuracy"]
    # Student's t of two degrees of freedom, 4.303, times .1 / sqrt(3).
    assert (mean, low, high) == pytest.approx((0.5, 0.5 - 0.2484, 0.5 + 0.2484), abs=1e-4)


def test_one_seed_takes_the_spread_of_its_table_where_that_has_one():
    """What a single training varies by is not nothing."""
    table, stored = planted([1.0, 1.1, 1.2, 1.3])
    part = sections([r for r in table.records if r.cell.method != "m0" or not r.cell.seed])[0]
    alone = sections([r for r in part.records if not r.cell.seed])[0]
    wide, narrow = (compute(t, stored, "").rows["m0"].intervals for t in (part, alone))
    for name in ("balanced_accuracy", "macro_auc"):
        assert wide[name][0] == narrow[name][0]
        assert wide[name][2] - wide[name][1] > narrow[name][2] - narrow[name][1]


@pytest.mark.parametrize("make", [few_shot, one_class])
def test_records_without_predictions_have_no_intervals(make):
    table = sections([make("a", 0)[0]])[0]
    found = compute(table, {}, "")
    assert found.rows == {}
    assert sure(table, found) == ""


def test_words():
    table, stored = planted([1.0, 0.5], seeds=1, n=90)
    found = compute(table, stored, "")
    told = sure(table, found)
    assert "With one seed they know nothing of other trainings." in told
    assert f"{100 * found.smallest_difference[PRIMARY]:.1f} points of balanced accuracy" in told
    assert ends((0.5, 0.41, 0.62)) == "41.0 to 62.0"
    assert ends(None) == "n/a"
