"""Numbers, intervals and ranks of predictions made elsewhere."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    recall_score,
    roc_auc_score,
)

from medtail.benchmark.boards import leaderboard, outside
from medtail.benchmark.boards.columns import column
from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import standings
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.scoring import scores_file, submission
from medtail.benchmark.statistics import intervals
from medtail.benchmark.statistics.variance import Variance, over_samples, share
from tests.benchmark.scoring.tables import (
    IDS,
    LOGITS,
    RNG,
    STANDARD,
    TARGET,
    read,
    shares_of,
    write,
)
from tests.boards import COUNTS, NAMES, done, one_class, with_value
from tests.twins import medmnist_twin


def test_metrics_are_those_of_scikit_learn(board, tmp_path):
    known = submission.truth_of(board, "fake@natural")
    facts = known.example.class_names, known.example.class_counts, known.samples.id.tolist()
    assert facts == (NAMES, COUNTS, list(IDS))
    target = np.resize([0, 1, 1, 1, 2], 60)
    truth = replace(known, samples=replace(known.samples, target=target))
    logits = np.random.default_rng(3).normal(size=(60, 3)) + np.diag([3, 2, 0.5])[target]
    scored = submission.score(truth, read(write(tmp_path / "a.csv", logits)))
    chosen, shares = logits.argmax(1), shares_of(logits)
    assert len(set(recall_score(target, chosen, average=None))) == 3
    expected = {
        "balanced_accuracy": balanced_accuracy_score(target, chosen),
        "macro_auc": roc_auc_score(target, shares, multi_class="ovr"),
        "macro_f1": f1_score(target, chosen, average="macro"),
        "worst_class_recall": min(recall_score(target, chosen, average=None)),
        "tail_recall": recall_score(target, chosen, average=None)[[0, 2]].mean(),
    }
    for name, value in expected.items():
        assert scored.metrics[name] == pytest.approx(value, abs=1e-3)
        assert scored.intervals[name].mean == pytest.approx(scored.metrics[name])
        assert scored.intervals[name].low < value < scored.intervals[name].high
    assert [c.mean for c in scored.classes] == pytest.approx(scored.metrics["recall"])
    assert scored.metrics["sensitivity_at_95_specificity"] is None  # there is no validation
    assert scored.balanced["accuracy"] == pytest.approx(expected["balanced_accuracy"])
    assert scored.metrics["accuracy"] == pytest.approx(accuracy_score(target, chosen))


def test_one_training_knows_its_samples_and_several_know_more(board, tmp_path):
    truth = submission.truth_of(board, "fake@natural")
    each = [LOGITS + RNG.normal(size=LOGITS.shape) * (seed > 0) for seed in range(3)]
    paths = [write(tmp_path / f"{seed}.csv", logits) for seed, logits in enumerate(each)]
    alone, several = (submission.score(truth, read(some)) for some in (paths[:1], paths))
    ids = np.array(IDS)
    given = Predictions.of(ids, ids, TARGET, each[0])
    weights = intervals.group_weights(TARGET, ids, 2000, 0)
    drawn = {"balanced_accuracy": intervals.recalls, "macro_auc": intervals.aucs}
    for name, metric in drawn.items():
        samples = float(metric(given, weights).mean(1).var(ddof=1))
        mean = alone.intervals[name].mean
        units = np.bincount(TARGET).tolist()
        known = share(mean, over_samples(samples, units), Variance(0.0, 1.0), len(ids))
        assert alone.intervals[name] == known
        widths = [s.intervals[name].high - s.intervals[name].low for s in (alone, several)]
        assert widths[1] > 0.5 * widths[0]


def test_a_rows_own_seeds_have_its_own_row(board, tmp_path):
    """Means, deviations, intervals and classes: what the board says of the row itself."""
    paths = []
    for seed in (0, 1):
        _, given = done("focal", seed)
        paths.append(write(tmp_path / f"{seed}.csv", given.logits.astype(np.float64)))
    truth = submission.truth_of(board, "fake@natural")
    scored = submission.score(truth, read(paths))
    row = next(row for row in truth.section.rows if row.name == "focal")
    (known,) = standings(
        board, "fake@natural", [truth.section], lambda: read_predictions(board, "fake@natural")
    )
    for name, numbers in known.rows["focal"].intervals.items():
        found = scored.intervals[name]
        assert (found.mean, found.low, found.high) == pytest.approx(numbers, abs=1e-6)
        assert scored.row.stat(column(name)).sd == pytest.approx(row.stat(column(name)).sd)
    for found, numbers in zip(scored.classes, known.rows["focal"].classes["recall"], strict=True):
        assert (found.mean, found.low, found.high) == pytest.approx(numbers, abs=1e-6)


def test_a_rows_own_predictions_have_its_own_numbers(board, tmp_path):
    record, given = done("focal", 1)
    path = write(tmp_path / "a.csv", given.probabilities)
    scored = submission.score(submission.truth_of(board, "fake@natural"), read(path))
    for name, value in record.metrics.items():
        if not re.search("specificity|fitted", name) and value is not None and name != "nll":
            assert scored.metrics[name] == pytest.approx(value, abs=2e-3)


def test_the_rank_counts_the_complete_rows_above():
    values = {"erm": 0.4, "focal": 0.5, "ldam": 0.6, "crt": 0.7}
    records = [with_value(v, m, seed) for m, v in values.items() for seed in (0, 1)]
    (section,) = sections([*records, with_value(0.99, "mixup", 0)])  # which lacks a seed
    rank = outside.place(section, 0.55, 0.45, 0.65)
    assert (rank.place, rank.of, rank.best, rank.worst) == (3, 5, 2, 4)
    assert (rank.above, rank.below) == (("ldam", 0.6), ("focal", 0.5))
    assert outside.place(section, 0.5, 0.45, 0.55).place == 3  # shared with focal
    first = outside.place(section, 0.8, 0.75, 0.9)
    assert (first.place, first.best, first.worst, first.above) == (1, 1, 1, None)
    last = outside.place(section, 0.1, 0.0, 0.2)
    assert (last.place, last.best, last.worst, last.below) == (5, 5, 5, None)


def test_one_class_is_ranked_by_its_scores(tmp_path):
    source = np.resize([1, 1, 0, 1, 2], 60)  # nv is given, mel and df are abnormal
    target = (source != 1).astype(np.int64)
    record, _ = one_class(auroc=0.6, scored_names=("mel", "df"), support=(12, 12), predictions="")
    board_scores = Predictions.of(
        np.array(IDS), np.array(IDS), target, np.zeros((60, 2)), source_class=source
    )
    leaderboard.publish(tmp_path / "boards", [(record, board_scores)])
    truth = submission.truth_of(tmp_path / "boards", "fake@oneclass")
    score = target + RNG.normal(size=60)
    path = write(tmp_path / "a.csv", score[:, None], ("id", "score"))
    scored = submission.score(truth, scores_file.read([path], truth.wanted))
    assert scored.metrics["auroc"] == pytest.approx(roc_auc_score(target, score))
    assert scored.metrics["auprc"] == pytest.approx(average_precision_score(target, score))
    assert scored.metrics["prevalence"] == pytest.approx(0.4)
    for k, value in zip((0, 2), scored.classes, strict=True):
        kept = (source == 1) | (source == k)
        assert value.mean == pytest.approx(roc_auc_score(target[kept], score[kept]))
    assert scored.rank.of == 2
    assert scored.rank.place == 1 + (scored.metrics["auroc"] < 0.6)


def test_without_a_board_the_files_of_a_dataset_tell_the_truth(tmp_path):
    medmnist_twin("bloodmnist")(tmp_path / "data")  # where MEDTAIL_DATA points to
    truth = submission.truth_of(tmp_path, "bloodmnist@natural")
    target, ids = truth.samples.target, truth.samples.id.tolist()
    place = [int(name.removeprefix("test_")) for name in ids]
    path = write(tmp_path / STANDARD, np.eye(len(truth.example.class_names))[target], None, place)
    scores = scores_file.read([path], truth.wanted)
    scored = submission.score(truth, scores)
    assert scored.metrics["balanced_accuracy"] == 1
    assert scored.rank is None
