"""Two drivers, one folder of boards: pages have the rows of both, whoever is slower."""

import time

import pytest

from tests.faults import kit

pytestmark = pytest.mark.faults


def test_a_later_publishers_rows_are_on_the_pages(tmp_path):
    boards = tmp_path / "boards"
    words = ["bench", "tiny.yaml", "--launcher", "inline", "--leaderboards", str(boards)]
    folders = [tmp_path / name for name in ("slow", "quick")]
    for folder in folders:
        folder.mkdir()
        kit.tiny(folder, kit.TINY.replace("[erm, tau_norm, crt]", "[erm, tau_norm]"))
    trained = kit.medtail(folders[1], *words[:4], "--method", "tau_norm")
    assert trained.status == 0, trained.out
    slow = kit.start(folders[0], *words, "--method", "erm", fault="pause 25 phantom@natural.md$")
    deadline = time.monotonic() + 90
    while not (folders[0] / "fired").exists():
        assert slow.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    quick = kit.medtail(  # has nothing to train any more: it is at the boards well within the pause
        folders[1], *words, "--method", "tau_norm"
    )
    assert quick.status == 0, quick.out
    run = kit.ended(slow, folders[0])
    assert run.status == 0, run.out
    page = (boards / "phantom@natural.md").read_text()
    assert "erm" in page
    assert "tau_norm" in page
    assert (boards / "index.html").read_text().count("tau_norm") > 0
