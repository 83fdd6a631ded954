"""The front page of the leaderboards, and their tables in the terminal."""

import json
import re

import pytest
from rich.console import Console

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.over_sources import FILE
from medtail.benchmark.evidence.record import Cost
from medtail.benchmark.grid.cell import Terms
from medtail.datamodules.core.errors import MedtailError
from tests.boards import board, done, failed, rows, with_value


def overall(root, values):
    """The overall table of boards given as ``{board: {method: value}}``."""
    finished = []
    for data, methods in values.items():
        terms = Terms(data=data)
        for name, value in methods.items():
            entry = failed(name, terms=terms) if value is None else None
            finished.append(entry or (with_value(value, name, terms=terms), None))
    leaderboard.publish(root, finished)
    leaderboard.render(root)
    front = (root / "README.md").read_text()
    return rows(front, "## Overall"), front


FITTED = "Mean rank by balanced accuracy, fitted"


def test_overall_ranks_by_hand(tmp_path):
    table, front = overall(
        tmp_path,
        {
            "one@natural": {"a": 0.5, "b": 0.6, "c": 0.7},
            "three@natural": {"a": 0.9, "b": 0.1},
            "two@natural": {"a": 0.4, "b": 0.6, "c": 0.6, "broken": None},
        },
    )
    assert table == [
        [*["Method", "one@natural", "three@natural", "two@natural"], "Mean rank", FITTED],
        ["`c`", "**70.0**", "n/a", "**60.0**", "1.2", "2.8"],
        ["`b`", "60.0", "10.0", "**60.0**", "1.8", "2.2"],
        ["`a`", "50.0", "**90.0**", "40.0", "3.0", "1.0"],
    ]
    assert "over the 2 boards on which every method listed is complete" in front
    assert "no test of significance" in front
    assert "because nothing finished: `broken`" in front
    assert "use thresholds from validation predictions" in front


def test_what_stands_behind_the_boards_is_added_up(tmp_path):
    cost = Cost(seconds=5400, train_seconds=1, parameters=1, images=1, peak_mib=1, device="cpu")
    each = [with_value(0.5, name).model_copy(update={"cost": cost}) for name in ("erm", "ldam")]
    finished = [(record, None) for record in each]
    leaderboard.publish(tmp_path, [*finished, failed("crt")])
    leaderboard.render(tmp_path)
    said = "compared. 2 trainings stand behind them, 3.0 hours one after the other.\n"
    assert said in (tmp_path / "README.md").read_text()


def test_overall_without_a_common_board(tmp_path):
    table, front = overall(tmp_path, {"one@natural": {"a": 0.5}, "two@natural": {"b": 0.6}})
    assert [line[-1] for line in table[1:]] == ["n/a", "n/a"]
    assert "over no board" in front


def test_stress_sources_and_leaks_are_shown_and_never_averaged(tmp_path):
    tiers = [{"name": n, "tier": t, "row": "a"} for n, t in (("one", "core"), ("two", "stress"))]
    (tmp_path / FILE).write_text(json.dumps(tiers))
    values = {"a": 0.5, "b": 0.6}
    names = ("one@natural", "one+leaky_image@natural", "one+other@natural", "two@lt10")
    table, front = overall(tmp_path, dict.fromkeys(names, values))
    assert table[0][1:-2] == ["one+other@natural", "one@natural"]
    assert "over the 2 boards" in front
    assert "a split that leaks: one+leaky_image@natural, two@lt10." in front
    assert all(f"[{name}]({name}.md)" in front for name in names)


def test_links_lead_somewhere(tmp_path):
    other = Terms(data="other@lt100")
    board(tmp_path, [done(), done(terms=other), failed("crt", terms=other)])
    for page in tmp_path.glob("*.md"):
        links = re.findall(r"\]\(([^)]+)\)", page.read_text())
        assert links
        assert all((tmp_path / link).exists() for link in links), page
    assert (tmp_path / "README.md").read_text().count("](other@lt100.md)") == 1


def test_no_records_yet(tmp_path):
    names = ["README.md", "leaderboards.json", "index.html"]
    assert leaderboard.render(tmp_path) == [tmp_path / name for name in names]
    assert "No records yet" in (tmp_path / "README.md").read_text()


def test_terminal(tmp_path):
    records = [done(m, s)[0] for m in ("erm", "ldam") for s in (0, 1)] + [failed("crt")[0]]
    console = Console(width=140, record=True, file=(tmp_path / "out").open("w"))
    console.print(leaderboard.terminal_tables(records)[0])
    text = console.export_text()
    assert all(word in text for word in ("fake@natural", "erm", "ldam", "✗ 1/1", "±"))
    with pytest.raises(MedtailError, match="no records"):
        leaderboard.terminal_tables([])[0]


def test_names_are_whole_on_eighty_columns(tmp_path):
    long = "post_hoc_logit_adjustment"
    records = [with_value(0.5, m, s) for m in (long, "effective_number") for s in (0, 1)]
    records = [
        r.model_copy(update={"metrics": r.metrics | {"macro_auc": 0.6 + r.cell.seed / 10}})
        for r in records
    ]
    records += [failed("crt")[0]]
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    console.print(leaderboard.terminal_tables(records)[0])
    lines = console.export_text().splitlines()
    (line,) = [line for line in lines if long in line]
    assert "65.0 ± 7.1" in line
    assert "50.0 ± 0.0" in line
    assert any("effective_number" in line for line in lines)
    assert any("Balanced %" in line and line.rstrip().endswith("Seeds") for line in lines)
    assert any(line.rstrip().endswith("✗ 1/1") for line in lines)
