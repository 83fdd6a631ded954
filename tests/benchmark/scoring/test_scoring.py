"""Predictions made elsewhere: files of every form, their mistakes, numbers and ranks."""

import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    recall_score,
    roc_auc_score,
)
from typer.testing import CliRunner

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.section import sections
from medtail.benchmark.cli.main import app
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.scoring import scores_file, submission
from medtail.benchmark.statistics import intervals
from medtail.benchmark.statistics.intervals import Interval
from medtail.datamodules.core.errors import MedtailError
from tests.boards import COUNTS, NAMES, done, files, one_class, with_value
from tests.twins import medmnist_twin

IDS = tuple(f"s{i:03d}" for i in range(60))
TARGET = np.resize([0, 1, 2], 60)
RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(60, 3)) * 2 + 1.5 * np.eye(3)[TARGET]
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)


def write(path, table, head=("id", *NAMES), ids=IDS):
    lines = [list(head)] if head else []
    lines += [[name, *row] for name, row in zip(ids, table.tolist(), strict=True)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def read(path, form=None, ids=IDS, classes=NAMES, dataset="fake"):
    return scores_file.read(path, dataset, ids, classes, form)


def shares_of(logits):
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    root = tmp_path_factory.mktemp("boards")
    leaderboard.publish(root, [done(m, s) for m in ("erm", "focal", "ldam") for s in (0, 1)])
    return root


# Files.


@pytest.mark.parametrize(
    "head",
    [
        ("id", "mel", "nv", "df"),
        ("image", "MEL", "NV ", "DF"),
        ("", "0", "1", "2"),
        ("sample", "p0", "p1", "p2"),
    ],
)
def test_classes_go_by_name_or_by_place(tmp_path, head):
    found = read(write(tmp_path / "a.csv", SHARES, head))
    np.testing.assert_allclose(shares_of(found.logits), SHARES)
    assert found.form == "probabilities"


def test_order_of_rows_and_columns_does_not_matter(tmp_path):
    rows, columns = RNG.permutation(60), [2, 0, 1]
    head = (*[NAMES[k] for k in columns[:1]], "id", *[NAMES[k] for k in columns[1:]])
    path = tmp_path / "a.csv"
    table = LOGITS[rows][:, columns]
    lines = [[a, IDS[i], b, c] for i, (a, b, c) in zip(rows, table.tolist(), strict=True)]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([list(head), *lines])
    np.testing.assert_array_equal(read(path).logits, LOGITS)


def test_parquet_is_read_as_csv_is(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {"id": list(IDS), **{n: LOGITS[:, k] for k, n in enumerate(NAMES)}}
    pq.write_table(pa.table(columns), path)
    np.testing.assert_array_equal(read(path).logits, LOGITS)
    pq.write_table(pa.table(columns | {"nv": [None, *LOGITS[1:, 1]]}), path)
    with pytest.raises(MedtailError, match=r"a score of 's000' is no finite number: 'None'"):
        read(path)


def test_probabilities_are_told_from_logits(tmp_path):
    found = read(write(tmp_path / "a.csv", SHARES.round(3)))
    assert found.form == "probabilities"
    assert "read as probabilities, as every row is one" in found.notes
    found = read(write(tmp_path / "b.csv", LOGITS))
    assert found.form == "logits"
    assert "read as logits, not as probabilities: 60 rows are none" in found.notes[1]
    np.testing.assert_array_equal(found.logits, LOGITS)
    sigmoids = 1 / (1 + np.exp(-LOGITS))
    assert "of sigmoids, give the logits" in read(write(tmp_path / "c.csv", sigmoids)).notes[1]
    overruled = read(write(tmp_path / "d.csv", SHARES), form="logits")
    np.testing.assert_allclose(overruled.logits, SHARES)


def test_a_probability_of_zero_is_kept_finite(tmp_path):
    hard = np.eye(3)[TARGET]
    found = read(write(tmp_path / "a.csv", hard)).logits
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found.argmax(1), TARGET)


@pytest.mark.parametrize("head", [("id", "not mel"), ("id", "p1"), ("id", "1"), ("id", "score")])
def test_of_two_classes_the_second_is_enough(tmp_path, head):
    path, classes = write(tmp_path / "a.csv", SHARES[:, :1], head), ("mel", "not mel")
    found = read(path, classes=classes)
    np.testing.assert_allclose(shares_of(found.logits)[:, 1], SHARES[:, 0])
    path = write(tmp_path / "b.csv", LOGITS[:, :1], head)
    found = read(path, classes=classes)
    np.testing.assert_allclose(found.logits[:, 1] - found.logits[:, 0], LOGITS[:, 0])
    with pytest.raises(MedtailError, match="none for not mel"):
        read(write(tmp_path / "c.csv", SHARES[:, :1], ("id", "mel")), classes=classes)


PLACES = tuple(f"test_{i}" for i in range(60))
STANDARD = "bloodmnist_64_test_[AUC]0.900_[ACC]0.800@run.csv"


def test_the_form_of_medmnist_is_matched_by_place(tmp_path):
    rows = RNG.permutation(60)
    path = write(tmp_path / STANDARD, SHARES[rows], None, rows.tolist())
    found = read(path, ids=PLACES, dataset="bloodmnist")
    np.testing.assert_allclose(shares_of(found.logits), SHARES)
    assert "matched by place" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "dataset", "ids", "words"),
    [
        (STANDARD.replace("test", "val"), "bloodmnist", PLACES, "by its name of val"),
        (STANDARD, "pathmnist", PLACES, "by its name of bloodmnist, the board is of pathmnist"),
        ("mine.csv", "fake", IDS, "the test split of fake has no official order: .* such as s000"),
        ("mine.csv", "fake", PLACES[:-1], "1 ids are not of the test, the first is 'test_59'"),
        ("mine.csv", "fake", (*PLACES, "test_60"), "1 of 61 test samples are missing"),
    ],
)
def test_the_form_of_medmnist_is_refused_where_places_mean_nothing(
    tmp_path, name, dataset, ids, words
):
    path = write(tmp_path / name, SHARES, None, range(60))
    with pytest.raises(MedtailError, match=words):
        read(path, ids=ids, dataset=dataset)


def test_a_row_of_medmnist_has_a_score_for_every_class(tmp_path):
    path = write(tmp_path / "mine.csv", SHARES[:, :2], None, range(60))
    with pytest.raises(MedtailError, match="2 scores a row, there are 3 classes"):
        read(path, ids=PLACES)


def broken(change):
    """The file's lines, changed."""
    lines = [["id", *NAMES], *([i, *row] for i, row in zip(IDS, SHARES.tolist(), strict=True))]
    change(lines)
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


MISTAKES = {
    "missing": (lambda x: x.pop(3), "1 of 60 test samples are missing, the first is 's002'"),
    "doubled": (lambda x: x.append(x[5]), "1 rows too many: 's004' stands twice"),
    "unknown": (
        lambda x: x[4].__setitem__(0, "s900"),
        r"1 ids are not of the test, the first is 's900' \(the test has 60 such as s000\)",
    ),
    "no id": (lambda x: x[4].__setitem__(0, ""), "the first is ''"),
    "nan": (lambda x: x[2].__setitem__(1, "nan"), "a score of 's001' is no finite number: 'nan'"),
    "inf": (lambda x: x[2].__setitem__(3, "-inf"), "a score of 's001' is no finite number"),
    "empty": (lambda x: x[2].__setitem__(1, ""), "a score of 's001' is no finite number: ''"),
    "text": (lambda x: x[2].__setitem__(1, "high"), "is no finite number: 'high'"),
    "ragged": (lambda x: x[7].pop(), "line 8: 3 cells, the first line has 4"),
    "class": (lambda x: [y.pop() for y in x], "2 classes, there are 3: none for df"),
    "column": (lambda x: [y.append(1) for y in x], "the column '1' is no class; .*mel, nv, df"),
    "twice": (lambda x: x[0].__setitem__(1, "nv"), "the column 'nv' stands twice"),
    "no ids": (lambda x: [y.pop(0) for y in x], "no column of sample ids: call it id"),
    "one row": (
        lambda x: x[2].__setitem__(1, "7"),
        "most rows are probabilities, but 1 rows are none, the first is of 's001'",
    ),
    "header": (lambda x: x.__delitem__(slice(1, None)), "no row of scores"),
    "nothing": (lambda x: x.clear(), "the file is empty"),
    "one column": (lambda x: [y.__delitem__(slice(1, None)) for y in x], "fewer than two columns"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(tmp_path, mistake):
    change, words = MISTAKES[mistake]
    path = tmp_path / "a.csv"
    path.write_text(broken(change))
    with pytest.raises(MedtailError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_one_clear_line(tmp_path):
    (tmp_path / "a.parquet").write_text("no")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("a.parquet", "b.csv", "absent.csv", "."):
        with pytest.raises(MedtailError, match="no readable") as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_no_probabilities_are_refused_as_such(tmp_path):
    off = SHARES.copy()
    off[9] *= 1.02
    path = write(tmp_path / "a.csv", off)
    with pytest.raises(MedtailError, match=r"1 rows are none, the first is of 's009' .*sum 1\.02"):
        read(path, form="probabilities")
    off[9] = SHARES[9] * 1.005  # as rounding leaves it
    assert read(write(path, off), form="probabilities").form == "probabilities"
    off[9] = SHARES[9] + [-0.5, 0.25, 0.25]
    with pytest.raises(MedtailError, match="1 rows are none"):
        read(write(path, off), form="probabilities")


# Numbers.


def test_metrics_are_those_of_scikit_learn(board, tmp_path):
    known = submission.truth_of(board, "fake@natural")
    assert (known.classes, known.counts, known.samples.id.tolist()) == (NAMES, COUNTS, list(IDS))
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


def test_intervals_are_those_of_the_boards(board, tmp_path):
    truth = submission.truth_of(board, "fake@natural")
    scored = submission.score(truth, read(write(tmp_path / "a.csv", LOGITS)))
    given = Predictions.of(np.array(IDS), np.array(IDS), TARGET, LOGITS)
    for name in ("balanced_accuracy", "macro_auc"):
        expected = intervals.estimate({0: given}, getattr(intervals, name))
        assert scored.intervals[name] == expected


def test_a_rows_own_predictions_have_its_own_numbers(board, tmp_path):
    record, given = done("focal", 1)
    path = write(tmp_path / "a.csv", given.probabilities)
    scored = submission.score(submission.truth_of(board, "fake@natural"), read(path))
    for name, value in record.metrics.items():
        if "specificity" not in name and value is not None and name != "nll":
            assert scored.metrics[name] == pytest.approx(value, abs=2e-3)


def test_the_rank_counts_the_complete_rows_above():
    values = {"erm": 0.4, "focal": 0.5, "ldam": 0.6, "crt": 0.7}
    records = [with_value(v, m, seed) for m, v in values.items() for seed in (0, 1)]
    (section,) = sections([*records, with_value(0.99, "mixup", 0)])  # which lacks a seed
    rank = submission.rank(section, Interval(0.55, 0.45, 0.65))
    assert (rank.place, rank.of, rank.best, rank.worst) == (3, 5, 2, 4)
    assert (rank.above, rank.below) == (("ldam", 0.6), ("focal", 0.5))
    assert submission.rank(section, Interval(0.5, 0.45, 0.55)).place == 3  # shared with focal
    first = submission.rank(section, Interval(0.8, 0.75, 0.9))
    assert (first.place, first.best, first.worst, first.above) == (1, 1, 1, None)
    last = submission.rank(section, Interval(0.1, 0.0, 0.2))
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
    scored = submission.score(truth, read(path, classes=truth.classes))
    assert scored.metrics["auroc"] == pytest.approx(roc_auc_score(target, score))
    assert scored.metrics["auprc"] == pytest.approx(average_precision_score(target, score))
    assert scored.metrics["prevalence"] == pytest.approx(0.4)
    for k, value in zip((0, 2), scored.classes, strict=True):
        kept = (source == 1) | (source == k)
        assert value.mean == pytest.approx(roc_auc_score(target[kept], score[kept]))
    assert scored.rank.of == 2
    assert scored.rank.place == 1 + (scored.metrics["auroc"] < 0.6)


# The command.


def call(*words):
    return CliRunner().invoke(app, ["score", *map(str, words)], env={"COLUMNS": "200"})


def test_the_command_prints_and_keeps_and_leaves_the_board_alone(board, tmp_path):
    path, out, before = write(tmp_path / "a.csv", LOGITS), tmp_path / "a.json", files(board)
    result = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    kept = json.loads(out.read_text())
    value = kept["metrics"]["balanced_accuracy"]
    assert f"Balanced accuracy {100 * value:.1f}" in words
    assert f"would be {kept['rank']['place']} of 4 by balanced accuracy" in words
    assert "read as logits" in words
    assert "no provenance" in words
    assert kept["classes"].keys() == set(NAMES)
    assert files(board) == before
    again = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert "exists already" in str(again.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--data", "fake@shot5"), "a few-shot score is of episodes"),
        (("--data", "fake@active"), "an active score is of the course of labelling"),
        (("--data", "fake@lt100"), "unknown dataset 'fake'"),
        (("--data", "isic2018@natrual"), "natrual"),
        (("--data", "isic2018@lt77"), "files not found"),
        (("--data", "fake@natural", "--form", "odds"), "write probabilities or logits"),
    ],
)
def test_what_cannot_be_scored_is_one_clear_line(board, tmp_path, words, told):
    path = write(tmp_path / "a.csv", LOGITS)
    result = call(path, *words, "--leaderboards", board)
    assert isinstance(result.exception, MedtailError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)


def test_out_does_not_go_among_the_boards(board, tmp_path):
    path, out = write(tmp_path / "a.csv", LOGITS), board / "records" / "new.json"
    result = call(path, "--data", "fake@natural", "--leaderboards", board, "--out", out)
    assert "only what medtail ran itself" in str(result.exception)
    assert not out.exists()


def test_without_a_board_the_files_of_a_dataset_tell_the_truth(tmp_path):
    medmnist_twin("bloodmnist")(tmp_path / "data")  # where MEDTAIL_DATA points to
    truth = submission.truth_of(tmp_path, "bloodmnist@natural")
    target, ids = truth.samples.target, truth.samples.id.tolist()
    place = [int(name.removeprefix("test_")) for name in ids]
    path = write(tmp_path / STANDARD, np.eye(len(truth.classes))[target], None, place)
    scores = read(path, ids=ids, classes=truth.classes, dataset="bloodmnist")
    scored = submission.score(truth, scores)
    assert scored.metrics["balanced_accuracy"] == 1
    assert scored.rank is None
