"""A board of three methods."""

import pytest

from medtail.benchmark.boards import leaderboard
from tests.boards import done


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    root = tmp_path_factory.mktemp("boards")
    leaderboard.publish(root, [done(m, s) for m in ("erm", "focal", "ldam") for s in (0, 1)])
    return root
