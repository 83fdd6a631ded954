"""What is told while and after cells run: lines, and the tables of status."""

import pytest
from rich.console import Console

from medtail.benchmark.execution import overview
from medtail.benchmark.execution.driver import Board
from medtail.benchmark.execution.store import Store
from medtail.benchmark.execution.worker import Outcome
from tests.boards import COST, active, done, failed, few_shot


def printed(table):
    console = Console(width=200, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(table)
    return console.export_text()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (few_shot, "fake@shot5, seed 0: AUC 0.750, accuracy 0.700, 1 min 15 s"),
        (active, "fake@active, seed 0: rare accuracy, area 0.367, balanced accuracy 0."),
        (done, "fake@natural, seed 0: balanced accuracy 0."),
    ],
)
def test_a_finished_cell_is_told_by_its_tracks_numbers(made, words, tmp_path):
    board = Board(2, Store(tmp_path))
    line = board.add(Outcome(made("erm", cost=COST)[0]))
    assert line.startswith("[1/2, ")
    assert words in line
    assert "✗ erm on fake@natural, seed 0: loss is nan" in board.add(Outcome(failed()[0]))
    assert len(board.failures) == 1


def test_the_list_names_methods_with_their_tracks():
    text = "".join(map(printed, overview.tables()))
    lines = {line.split("│")[1].strip(): line for line in text.splitlines() if "│" in line}
    assert lines["erm"].split("│")[-2].strip() == "all"
    assert lines["entropy_sampling"].split("│")[-2].strip() == "active"
    assert "shot<k>" in lines
    assert "Lin et al. 2017; faithful; gamma=2.0" in text, "paper, status, own parameters"
