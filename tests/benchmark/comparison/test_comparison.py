"""Comparisons of two rows of a board: means, signs, words, mistakes."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image as images
from rich.console import Console
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from medtail.benchmark.boards import section
from medtail.benchmark.boards.precision import Precision
from medtail.benchmark.boards.replicates import replicates
from medtail.benchmark.boards.section import sections
from medtail.benchmark.cli.main import app
from medtail.benchmark.comparison import differences, pages
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.published import read_predictions
from medtail.benchmark.evidence.record import Record, read_lines, write_lines
from medtail.benchmark.grid.cell import Cell, Terms
from medtail.benchmark.grid.files import load
from medtail.benchmark.metrics.few_shot import episode_aucs
from medtail.benchmark.statistics import intervals
from medtail.datamodules.core.errors import MedtailError
from tests import commands
from tests.boards import few_rows

FEW = ("erm", "balanced_softmax", "crt", "tau_norm", "focal", "weighted_ce", "proco", "deep_svdd")


@cache
def boards(scratch: bool = True) -> Path:
    """Committed boards with few rows, for speed: tables of networks from scratch alone, or all."""
    folder = Path(tempfile.mkdtemp())
    few_rows(
        folder,
        ("isic2018@natural", "isic2018@lt100", "isic2018@oneclass"),
        lambda r: r.cell.method in FEW and not (scratch and r.cell.terms.weights),
    )
    return folder


@cache
def natural(new, *bases):
    return differences.compare(boards(), ["isic2018@natural"], new, bases)


def test_a_row_that_is_named_twice_is_refused():
    """It would be corrected for as two comparisons."""
    with pytest.raises(MedtailError, match="a row stands there twice"):
        natural("balanced_softmax", "erm", "erm")


def test_means_are_those_of_the_records():
    (found,) = natural("balanced_softmax", "erm")
    records = read_lines(boards() / "records" / "isic2018@natural.jsonl")
    names = [line.metric for line in found.metrics]
    assert names[:3] == ["balanced_accuracy", "fitted_balanced_accuracy", "macro_auc"]
    assert [line.label for line in found.classes][:2] == ["NV", "MEL"]
    by_row = {n: [r for r in records if r.cell.row == n] for n in ("balanced_softmax", "erm")}
    for line in found.metrics:
        for name, mean in (("balanced_softmax", line.new), ("erm", line.base)):
            values = [r.metrics[line.metric] for r in by_row[name]]
            assert mean == pytest.approx(np.mean(values), abs=1e-6)
        assert line.difference.mean == pytest.approx(line.new - line.base)
        assert line.difference.low < line.difference.mean < line.difference.high
    recall = [r.metrics["recall"][1] for r in by_row["erm"]]  # of NV
    assert found.classes[0].base == pytest.approx(np.mean(recall), abs=1e-6)


def test_the_difference_is_that_of_the_board():
    """One pair, one number: the ranks of a page and ``compare`` cannot disagree."""
    (table,) = sections(read_lines(boards() / "records" / "isic2018@natural.jsonl"))
    drawn = replicates(table, read_predictions(boards(), "isic2018@natural"))
    estimate = Precision(table, drawn).pair("balanced_softmax", "erm", "balanced_accuracy")
    (found,) = natural("balanced_softmax", "erm")
    assert found.metrics[0].difference == estimate.interval
    assert found.metrics[0].estimate == estimate


def test_its_error_adds_two_variances():
    """Of the samples by a bootstrap of its own; of the seeds at least a share of what is seen."""
    (found,) = natural("balanced_softmax", "erm")
    stored = read_predictions(boards(), "isic2018@natural")
    records = read_lines(boards() / "records" / "isic2018@natural.jsonl")
    one, other = (
        {r.cell.seed: stored[r.cell_id] for r in records if r.cell.row == name}
        for name in ("balanced_softmax", "erm")
    )
    first = one[0]
    weights = intervals.group_weights(first.target, first.group, 1000, 7)
    metric = intervals.balanced_accuracy
    drawn = np.mean([metric(one[s], weights) - metric(other[s], weights) for s in one], axis=0)
    interval = found.metrics[0].difference
    half = (interval.high - interval.low) / 2
    assert half > 1.96 * drawn.std() * 0.95
    assert half < 3 * drawn.std()


def test_the_verdict_follows_the_p_value_and_turns_with_the_sides():
    there, back = natural("balanced_softmax", "erm")[0], natural("erm", "balanced_softmax")[0]
    assert (there.verdict, back.verdict) == ("higher", "lower")
    assert natural("balanced_softmax", "crt")[0].verdict == "cannot tell"
    assert there.p == pytest.approx(dict(back.p))
    assert there.p["balanced_accuracy"] < 0.001


def test_verdicts_are_corrected_for_their_number():
    alone = [natural("crt", base)[0] for base in ("erm", "tau_norm", "balanced_softmax")]
    together = natural("crt", "erm", "tau_norm", "balanced_softmax")
    tests = [
        (line.estimate.p, k, m) for k, c in enumerate(alone) for m in c.p for line in [c.by(m)]
    ]
    largest = 0.0
    for steps, (p, k, metric) in enumerate(sorted(tests)):
        largest = max(largest, min(1, p * (len(tests) - steps)))
        assert together[k].p[metric] == pytest.approx(largest)
    assert sum(sum(c.p.values()) for c in together) > sum(p for p, *_ in tests)


def test_what_is_shown_says_it(tmp_path):
    found = natural("balanced_softmax", "erm", "crt")
    console = Console(record=True, width=80)
    console.print(pages.table(found[0]))
    said = console.export_text()
    assert "Balanced accuracy" in said
    assert "3 seeds: higher" in said
    assert "…" not in said
    higher, unclear = (line for line in pages.verdict(found) if " by " not in line)
    assert higher.startswith("balanced_softmax against erm, 1 table of 1 dataset: higher on 1: ")
    assert "cannot tell on 1: isic2018@natural +" in unclear
    path = tmp_path / "differences.png"
    path.write_bytes(pages.picture(found))
    height, width, _ = images.imread(path).shape
    assert (width, height) > (500, 300)
    assert pages.picture(found) == path.read_bytes()


def test_a_picture_takes_the_place_of_a_picture_alone(tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    done = commands.run("compare", "focal", "erm", "--data", "isic2018@lt100", "--png", other)
    assert done.returncode == 2
    assert "is no picture of this kind: name another file" in done.stderr
    assert other.read_text() == "mine"


@pytest.mark.parametrize(
    ("data", "new", "words"),
    [
        ("isic2018@nature", "erm", "isic2018@natural"),
        ("isic2018@natural", "err", "erm"),
        ("isic2018@*,nosuch@*", "erm", "nosuch"),  # phantom's boards are there after `make bench`
    ],
)
def test_unknown_names_are_one_line(data, new, words):
    with pytest.raises(MedtailError, match=words) as caught:
        differences.compare(boards(), differences.boards(boards(), data), new, ["balanced_softmax"])
    assert "\n" not in str(caught.value)


def test_rows_that_never_meet_are_one_line():
    with pytest.raises(MedtailError, match="no board together"):
        differences.compare(boards(), differences.boards(boards()), "deep_svdd", ["proco"])


@pytest.mark.parametrize(("suite", "seeds"), [("isic2018", 3), ("isic2018-frozen", 5)])
def test_a_suite_is_its_tables(suite, seeds):
    words = ["compare", "erm", "weighted_ce", "--suite", suite]
    result = CliRunner().invoke(app, [*words, "--leaderboards", str(boards(scratch=False))])
    assert "2 tables of 1 dataset" in " ".join(result.output.split())
    assert result.output.count(f"{seeds} seeds: ") == 2
    assert "binary20" not in result.output


def test_a_suite_that_is_on_no_board_is_one_line():
    words = ["compare", "erm", "weighted_ce", "--suite", "isic2018", "--data", "isic2018@natural"]
    found = CliRunner().invoke(app, [*words, "--leaderboards", str(boards())])
    assert "1 table of 1 dataset" in " ".join(found.output.split())
    other = load("isic2018", ("budget.epochs=3",)).cells()
    tables = {section.key(cell.terms) for cell in other}
    with pytest.raises(MedtailError, match="no such table"):
        differences.compare(boards(), ["isic2018@natural"], "erm", ["focal"], tables=tables)


def episodes(seed: int, ways: int = 2) -> Predictions:
    rng = np.random.default_rng(seed)
    target = np.tile(np.repeat(np.arange(ways), 5), 6)
    ids = np.array([f"i{n}" for n in range(len(target))])
    logits = rng.normal(size=(len(target), ways))
    logits[np.arange(len(target)), target] += 1
    number = np.repeat(np.arange(6), 5 * ways)
    return Predictions.of(ids, ids, target, logits, number)


@pytest.mark.parametrize("ways", [2, 3])
def test_episode_aucs_are_those_of_scikit_learn(ways):
    given = episodes(0, ways)
    found = episode_aucs(given)
    for e in range(6):
        rows = given.episode == e
        probability, target = given.probabilities[rows], given.target[rows]
        if ways == 2:
            expected = roc_auc_score(target, probability[:, 1])
        else:
            each = [roc_auc_score(target == k, probability[:, k]) for k in range(3)]
            expected = np.mean(each)
        assert found[e] == pytest.approx(expected)


def active(method: str, seed: int, area: float) -> Record:
    cell = Cell(method=method, seed=seed, terms=Terms(data="phantom@active"))
    names = ("rare_accuracy_area", "accuracy_area", "balanced_accuracy_area")
    return Record(
        cell_id=cell.id,
        cell=cell,
        status="ok",
        class_names=("a", "b"),
        class_counts=(9, 3),
        support=(5, 5),
        metrics={**dict.fromkeys(names, area), "recall": [area, None]},
    )


def test_active_boards_are_compared_over_seeds(tmp_path):
    records = [active("erm", s, 0.2 + 0.01 * s) for s in range(4)]
    records += [active("badge", s, 0.3 + 0.01 * s + 0.001 * (s % 2)) for s in range(4)]
    write_lines(tmp_path / "records" / "phantom@active.jsonl", records)
    (found,) = differences.compare(tmp_path, ["phantom@active"], "badge", ["erm"])
    assert found.metrics[0].difference.mean == pytest.approx(0.1005)
    assert found.verdict == "higher"


def test_doubt_and_equivalence_follow_from_the_estimate():
    from scipy.stats import t as student

    from medtail.benchmark.statistics.variance import Estimate

    found = Estimate(0.02, 0.01, 7.0)
    assert found.doubt == pytest.approx(student.sf(2, 7)) == pytest.approx(found.p / 2)
    assert Estimate(-0.02, 0.01, 7.0).doubt == found.doubt
    lower, alike, higher = found.chances(0.01)
    assert lower == pytest.approx(student.cdf(-3, 7))
    assert higher == pytest.approx(student.sf(-1, 7))
    assert lower + alike + higher == pytest.approx(1)
    lower, alike, higher = found.chances(0)
    assert (lower, higher) == pytest.approx((found.negative, 1 - found.negative))
    assert alike == pytest.approx(0, abs=1e-12)
    assert Estimate(0.0, 1e-6, 7.0).chances(0.01)[1] == pytest.approx(1)


@pytest.mark.parametrize("alike", [None, 1.0])
def test_the_table_fits_eighty_columns(alike):
    console = Console(record=True, width=80)
    console.print(pages.table(natural("crt", "erm")[0], alike))
    said = console.export_text()
    assert "…" not in said
    assert ("alike %" in said) == (alike is not None)
