"""Errors of a table's numbers: both variances, in whatever order they are asked for."""

import numpy as np
import pytest

from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import operating_point
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.statistics.variance import moderated
from tests.boards import COUNTS, active, done


def row(method, seed, skill, wobble=0.0, n=300):
    """Skill, and a part of it that the training moves; validation is of another draw."""
    rng = np.random.default_rng([sum(map(ord, method)), seed])
    target, ids = np.resize([0, 1, 2], n), np.array([f"s{i:04d}" for i in range(n)])
    shared = np.random.default_rng(0).normal(size=(n, 3))
    mine = skill + wobble * rng.normal()
    test, val = (
        Predictions.of(
            ids, ids, target, shared + 0.3 * rng.normal(size=(n, 3)) + mine * np.eye(3)[target]
        )
        for _ in range(2)
    )
    record, _ = done(method, seed)
    update = {
        "predictions": test.digest,
        "validation": val.digest,
        "metrics": score(test, val, COUNTS, ordinal=False),
    }
    return record.model_copy(update=update), test, val


def table(**wobbles):
    made = [row(m, s, 1.0, w) for m, w in wobbles.items() for s in range(3)]
    (section,) = sections([r for r, *_ in made])
    drawn = replicates(
        section, {r.cell_id: t for r, t, _ in made}, {r.cell_id: v for r, _, v in made}
    )
    return section, Precision(section, drawn), drawn


def test_a_difference_turns_with_its_sides_and_so_does_its_chance():
    _, known, _ = table(a=0.1, b=0.1, c=0.1, d=0.3)
    for metric in ("balanced_accuracy", "fitted_balanced_accuracy", "macro_auc"):
        there, back = known.pair("a", "d", metric), known.pair("d", "a", metric)
        assert there.value == -back.value
        assert (there.error, there.freedom, there.p) == (back.error, back.freedom, back.p)
        assert there.negative == pytest.approx(1 - back.negative)


def test_its_value_is_the_difference_of_the_records():
    section, known, _ = table(a=0.1, b=0.1, c=0.1)
    mean = {
        r.name: {m: np.mean([x.metrics[m] for x in r.done]) for m in ("macro_auc", "fitted_recall")}
        for r in section.rows
    }
    assert known.pair("a", "b", "macro_auc").value == pytest.approx(
        mean["a"]["macro_auc"] - mean["b"]["macro_auc"]
    )
    for k in range(3):
        values = [
            np.mean([x.metrics["fitted_recall"][k] for x in r.done])
            for r in sorted(section.rows, key=lambda r: r.name)
        ]
        assert known.pair("a", "c", "fitted_recall", k).value == pytest.approx(
            values[0] - values[2]
        )
        assert known.single("b", "fitted_recall", k).mean == pytest.approx(values[1])


def test_the_variance_between_seeds_is_that_of_the_records_moderated():
    section, known, drawn = table(a=0.2, b=0.2, c=0.2, d=0.2)
    names = [r.name for r in section.rows]
    values = np.array([[x.metrics["balanced_accuracy"] for x in r.done] for r in section.rows])
    one, other = np.triu_indices(4, 1)
    apart = values[one] - values[other]
    variance, freedom = moderated(apart.var(1, ddof=1), np.full(6, 2.0), total=6.0)
    place = next(n for n in range(6) if {names[one[n]], names[other[n]]} == {"a", "b"})
    draws = drawn["a"].values["balanced_accuracy"] - drawn["b"].values["balanced_accuracy"]
    samples = draws[:, 1:].mean(0).var(ddof=1) * 100 / 99  # three classes of 100 images each
    found = known.pair("a", "b", "balanced_accuracy")
    training = variance[place] / 3
    assert found.error == pytest.approx(np.sqrt(samples + training))
    total = (samples + training) ** 2
    degrees = total / (samples**2 / 297 + training**2 / freedom[place])
    assert found.freedom == pytest.approx(degrees)


def test_seeds_that_disagree_widen_an_interval():
    _, calm, _ = table(a=0.02, b=0.02, c=0.02, d=0.02)
    _, wild, _ = table(a=0.6, b=0.6, c=0.6, d=0.6)
    narrow, wide = (k.single("a", "macro_auc") for k in (calm, wild))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_a_fitted_point_adds_the_chance_of_its_validation(monkeypatch):
    """The same decisions fixed beforehand vary less; here validation has 24 images."""
    made = [row("a", s, 1.0) for s in range(2)]
    (section,) = sections([r for r, *_ in made])
    held = {
        r.cell_id: Predictions(v.id[:24], v.group[:24], v.target[:24], v.logits[:24])
        for r, _, v in made
    }

    def spread():
        drawn = replicates(section, {r.cell_id: t for r, t, _ in made}, held)["a"].values
        return drawn["fitted_balanced_accuracy"][:, 1:].mean(0).std()

    moved = spread()
    monkeypatch.setattr(
        operating_point, "refitted", lambda _, point, draws: np.repeat(point[None], len(draws), 0)
    )
    assert moved > 1.1 * spread()


def test_without_validation_there_is_no_fitted_number():
    made = [row(m, s, 1.0) for m in "ab" for s in range(2)]
    (section,) = sections([r for r, *_ in made])
    drawn = replicates(section, {r.cell_id: t for r, t, _ in made})
    known = Precision(section, drawn)
    assert known.single("a", "fitted_balanced_accuracy") is None
    assert known.pair("a", "b", "fitted_balanced_accuracy") is None
    assert known.single("a", "balanced_accuracy") is not None
    held = {r.cell_id: v for r, _, v in made[1:]}  # one of four trainings has none
    some = Precision(section, replicates(section, {r.cell_id: t for r, t, _ in made}, held))
    assert some.single("a", "fitted_balanced_accuracy") is None
    assert some.single("b", "fitted_balanced_accuracy") is not None


def test_active_rows_are_told_by_their_seeds():
    made = [active(m, s, 0.4 + s / 50)[0] for m in ("a", "b", "c") for s in range(3)]
    (section,) = sections(made)
    known = Precision(section, replicates(section, {}))
    found = known.pair("a", "b", "rare_accuracy")
    assert (found.value, found.error) == (0, 0)  # the same seeds, to the last digit
    assert known.single("a", "rare_found").high > 1  # a number of images, no share
