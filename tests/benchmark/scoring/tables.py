"""Scores of sixty made-up samples, as files of people who trained elsewhere."""

import csv

import numpy as np

from medtail.benchmark.scoring import scores_file
from tests.boards import NAMES

IDS = tuple(f"s{i:03d}" for i in range(60))
TARGET = np.resize([0, 1, 2], 60)
RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(60, 3)) * 2 + 1.5 * np.eye(3)[TARGET]
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
STANDARD = "bloodmnist_64_test_[AUC]0.900_[ACC]0.800@run.csv"


def write(path, table, head=("id", *NAMES), ids=IDS):
    lines = [list(head)] if head else []
    lines += [[name, *row] for name, row in zip(ids, table.tolist(), strict=True)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def read(path, form=None, ids=IDS, classes=NAMES, dataset="fake"):
    paths = path if isinstance(path, list) else [path]
    return scores_file.read(paths, scores_file.Wanted(dataset, ids, classes), form)


def shares_of(logits):
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
