"""Boards beside whose rows somebody's predictions stand."""

import numpy as np

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.scoring import scores_file, submission, submitting
from tests.boards import done, predictions

NAME = "My|Net [red] <b>`"
SLUG = "fake@natural"


def board_of(root, methods=("erm", "focal", "ldam"), seeds=(0, 1)):
    leaderboard.publish(root, [done(m, s) for m in methods for s in seeds])
    return root


def scores_of(name="outsider", seeds=(7, 8)):
    """Probabilities of made-up trainings."""
    tables = [np.log(predictions(name, seed).probabilities) for seed in seeds]
    return scores_file.Scores(np.stack(tables), tuple(map(str, seeds)), "probabilities", ())


def put(root, name=NAME, scores=None, replace=False, **said):
    """Put predictions on the board of a folder; what was put."""
    truth, scores = submission.truth_of(root, SLUG), scores or scores_of()
    entry = submission.entry_of(truth, scores, name, **said)
    submitting.add(root, root, truth, scores, entry, replace)
    return submission.score(truth, scores, entry)
