"""How far a suite is: every state is told, the totals first, and what is left by the pace."""

from datetime import UTC, datetime

import pytest

from medtail.benchmark.execution import standing
from medtail.benchmark.execution.worker import Outcome
from medtail.benchmark.grid.suite import Suite
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.execution.test_overview import printed
from tests.boards import WHERE, active, failed

SUITE = Suite.model_validate(
    {"methods": ["erm", "entropy_sampling"], "data": ["isic2018@natural", "isic2018@active"]}
)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()


def write(store, cell, status="ok", reason="", ago=0.0):
    finished = datetime.fromtimestamp(NOW - ago, UTC).isoformat()
    where = WHERE.model_copy(update={"finished": finished})
    facts = {"cell": cell, "cell_id": cell.id, "status": status, "reason": reason}
    facts |= {"metrics": active()[0].metrics, "provenance": where}
    record = failed()[0].model_copy(update=facts)
    store.write(Outcome(record, traceback="..."))


@pytest.fixture
def cells(store, monkeypatch):
    monkeypatch.setattr(type(store), "changed", lambda *_: "")
    found = {(c.terms.data.partition("@")[2], c.method): c for c in SUITE.cells()}
    write(store, found["natural", "erm"], "failed", "no luck")
    write(store, found["active", "erm"], ago=600)
    return found


def test_status_knows_done_failed_missing_and_what_makes_no_sense(cells, store):
    text = printed(standing.every_cell(SUITE, store))
    lines = [line for line in text.splitlines() if "isic" in line]
    told = {tuple(w.strip() for w in line.split("│")[1:3]): line for line in lines}
    assert "no luck" in told["isic2018@natural", "erm"]
    assert "rare accuracy, area 0.367" in told["isic2018@active", "erm"]
    assert "n/a" in told["isic2018@natural", "entropy_sampling"]
    assert "missing" in told["isic2018@active", "entropy_sampling"]
    alone = printed(standing.every_cell(SUITE, store, "failed"))
    assert alone.count("isic2018") == 1
    with pytest.raises(MedtailError, match="--state faild: write done, running, failed"):
        standing.every_cell(SUITE, store, "faild")


def test_totals_come_first_and_failures_with_their_reason(cells, store):
    first, *rest = standing.summary(SUITE, store)
    rows = {line.split("│")[1].strip(): line for line in printed(first).splitlines() if "│" in line}
    words = [w.strip() for w in rows["all"].split("│")[2:-1]]
    assert words == ["1", "1", "1", "1", "4"], "done, failed, missing, n/a, of"
    assert [str(part) for part in rest] == ["✗ erm on isic2018@natural, seed 0: no luck"]


def test_what_runs_is_told_with_the_pace_only_while_a_driver_is_there(cells, store):
    mine = cells["active", "entropy_sampling"]
    note = store.root / "progress" / mine.id
    note.parent.mkdir(parents=True)
    note.write_text(f"{mine}: round 2/9, epoch 3/15")
    assert {s.state for s in standing.standings(SUITE, store)} == {
        "done",
        "failed",
        "missing",
        "n/a",
    }
    with store.locked():
        found = standing.standings(SUITE, store)
        (running,) = (s for s in found if s.state == "running")
    assert running.words == "round 2/9, epoch 3/15"
    told = standing.pace(found, NOW)
    assert (
        told == "1 cells ended in the last 10 min 00 s: about 20 min 00 s for the 2 that are left"
    )
    assert standing.pace(found, NOW + 2 * standing.RECENT) == "", "that was long ago"
    assert standing.pace([s for s in found if s.state != "running"], NOW) == ""


def test_a_result_of_other_data_runs_again_and_says_why(store):
    (cell,) = (c for c in SUITE.cells() if (c.method, c.terms.data) == ("erm", "isic2018@active"))
    write(store, cell)
    (mine,) = (s for s in standing.standings(SUITE, store) if s.cell == cell)
    assert mine.state == "runs again"
    assert "does not say which data" in mine.words
    assert any(str(part).startswith("↻ erm on") for part in standing.summary(SUITE, store))


def test_who_only_looks_makes_no_folder(store):
    assert {s.state for s in standing.standings(SUITE, store)} == {"missing", "n/a"}
    assert not store.root.exists()
