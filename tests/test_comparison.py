"""Comparisons of two rows of a board: means, signs, words, mistakes."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from benchmark import comparison
from benchmark.cell import Cell, Terms
from benchmark.metrics_few_shot import episode_aucs
from benchmark.predictions import Predictions
from benchmark.record import Record, read_lines, write_lines
from datamodules.core.errors import MedtailError

BOARDS = Path(__file__).parents[1] / "leaderboards"


def test_means_are_those_of_the_records():
    found = comparison.compare(BOARDS, "isic2018@natural", "balanced_softmax", "erm")
    records = read_lines(BOARDS / "records" / "isic2018@natural.jsonl")
    assert [line.metric for line in found] == ["balanced_accuracy", "macro_auc", "tail_recall"]
    for line in found:
        for name, mean in (("balanced_softmax", line.new), ("erm", line.base)):
            values = [r.metrics[line.metric] for r in records if r.cell.row == name]
            assert mean == pytest.approx(np.mean(values), abs=1e-6)
        assert line.difference.mean == pytest.approx(line.new - line.base)
        assert line.difference.low < line.difference.mean < line.difference.high


def test_the_verdict_follows_the_interval_and_turns_with_the_sides():
    there = comparison.compare(BOARDS, "isic2018@natural", "balanced_softmax", "erm")
    back = comparison.compare(BOARDS, "isic2018@natural", "erm", "balanced_softmax")
    assert [line.verdict for line in there] == ["higher", "lower", "higher"]
    assert [line.verdict for line in back] == ["lower", "higher", "lower"]
    same = comparison.compare(BOARDS, "isic2018@natural", "balanced_softmax", "crt")
    assert same[0].verdict == "cannot tell"


def test_the_table_says_it():
    found = comparison.compare(BOARDS, "isic2018@natural", "balanced_softmax", "erm")
    console = Console(record=True, width=80)
    console.print(comparison.table("isic2018@natural", "balanced_softmax", "erm", found))
    said = console.export_text()
    assert "balanced accuracy" in said
    assert "higher" in said
    assert "…" not in said


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        ("isic2018@nature", "erm", "isic2018@natural"),
        ("isic2018@natural", "err", "erm"),
    ],
)
def test_unknown_names_are_one_line(data, name, words):
    with pytest.raises(MedtailError, match=words):
        comparison.compare(BOARDS, data, "balanced_softmax", name)


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
        metrics={name: area for name in names},
    )


def test_active_boards_are_compared_over_seeds(tmp_path):
    records = [active("erm", s, 0.2 + 0.01 * s) for s in range(4)]
    records += [active("badge", s, 0.3 + 0.01 * s + 0.001 * (s % 2)) for s in range(4)]
    write_lines(tmp_path / "records" / "phantom@active.jsonl", records)
    found = comparison.compare(tmp_path, "phantom@active", "badge", "erm")
    assert found[0].difference.mean == pytest.approx(0.1005)
    assert [line.verdict for line in found] == ["higher"] * 3
