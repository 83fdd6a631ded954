"""By which rules a source counts in averages, and what is written of them."""

import dataclasses
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from medtail import datamodules
from medtail.benchmark.boards.over_sources import FILE, kept
from medtail.benchmark.boards.section import sections
from medtail.benchmark.cli.main import app
from medtail.benchmark.sources import page, rules
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT
from tests.twins import TWINS

KEPT = rules.Source(
    name="pbc",
    title="Blood | cells",
    permission="own licence",
    split="by groups",
    rarest="basophil",
    images=20,
    groups=10,
    parts={"file": 0.6},
    probe=(0.7, 0.6, 0.8),
    network=(0.9, 0.85, 0.95),
    lead=(0.2, 0.1, 0.3),
    row="erm",
)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, []),
        ({"permission": "third parties"}, []),
        ({"permission": "unknown"}, ["permission"]),
        ({"permission": "none"}, ["permission"]),
        ({"images": 19}, ["size"]),
        ({"groups": 9}, ["size"]),
        ({"groups": None}, []),
        ({"lead": (0.2, 0.0, 0.3)}, ["shortcut"]),
        ({"lead": None}, ["no board yet"]),
        (
            {"images": 1, "lead": (0, -1, 1), "permission": "none"},
            ["permission", "size", "shortcut"],
        ),
    ],
)
def test_each_rule_is_needed(change, broken):
    one = KEPT.model_copy(update=change)
    assert one.broken == broken
    assert one.tier == ("stress" if broken else "core")


@pytest.fixture
def data(tmp_path, monkeypatch):
    TWINS["chula_rbc12"](tmp_path)
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path))
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    module = datamodules.build("chula_rbc12@natural", 16)
    module.setup()
    return module


def test_what_is_measured_of_a_source(data):
    found = rules.measured(data)
    test = data.rows("test")
    counts = np.bincount(data.table.target[test], minlength=12)
    assert found.images == counts.min()
    mine = test[data.table.target[test] == counts.argmin()]
    assert found.groups == len(set(data.table.group[mine].tolist()))
    assert found.rarest == data.class_names[counts.argmin()]
    assert (found.split, found.permission) == ("by groups", "own licence")
    assert set(found.parts) == {"file", "shape", "border"}
    assert found.network is found.lead is None
    assert "no board yet" in found.broken


def test_the_lead_is_paired_and_over_the_mean_of_the_seeds(data):
    alone = rules.measured(data)
    like = rules.probe(data, rules.facts(data)).predictions
    turned = dataclasses.replace(
        like, **{k: getattr(like, k)[::-1] for k in ("id", "group", "target", "logits")}
    )
    same = rules.measured(data, "erm", [like, turned])
    assert same.network == alone.probe
    assert same.lead == (0, 0, 0), "an equal row, in another order, leads by nothing on any draw"
    assert same.tier == "stress"
    right = np.where(np.eye(12)[like.target] > 0, 0, -9).astype(np.float16)
    best = dataclasses.replace(like, logits=right)
    first, mean = rules.measured(data, "erm", [best]), rules.measured(data, "erm", [best, like])
    assert first.network[0] == 1
    assert mean.network[0] == pytest.approx((1 + alone.probe[0]) / 2)
    assert first.lead[1] > 0
    with pytest.raises(MedtailError, match="not the same"):
        rules.measured(data, "erm", [dataclasses.replace(like, id=np.char.add(like.id, "x"))])


def test_the_row_is_one_on_frozen_features():
    from medtail.benchmark.evidence.published import read_predictions
    from medtail.benchmark.evidence.record import read_lines

    board = ROOT / "leaderboards"
    tables = sections(read_lines(board / "records/isic2018@natural.jsonl"))
    stored = read_predictions(board, "isic2018@natural")
    table = rules.table_of("erm", tables)
    found = rules.seeds_of("erm", table, stored)
    (row,) = [
        r for s in tables if s.terms.budget.tune == "frozen" for r in s.rows if r.name == "erm"
    ][:1]
    assert [p.digest for p in found] == [stored[r.cell_id].digest for r in row.done]
    others = [s for s in tables if s.terms.budget.tune != "frozen"]
    assert others
    assert rules.table_of("erm", others) is None
    assert rules.table_of("no_such_row", tables) is None


def test_the_page_and_what_boards_read_of_it(tmp_path):
    lost = KEPT.model_copy(
        update={"name": "oct_mx", "groups": None, "images": 3, "probe": (0.6, 0.4, 0.8)}
    )
    text = page.page([lost, KEPT], 300)
    assert text.index("`pbc`") < text.index("`oct_mx`"), "core first"
    assert "| 70.0 (60.0 to 80.0) | 90.0 (85.0 to 95.0) | 20.0 (10.0 to 30.0) |" in text
    assert "| stress: size |" in text
    assert "not known" in text
    assert "would leave 1 of these 2 sources" in " ".join(text.split())
    assert "Blood \\| cells" in text
    assert kept(tmp_path, rules.Source) == []
    (tmp_path / FILE).write_text(page.as_json([KEPT, lost]))
    assert kept(tmp_path, rules.Source) == [KEPT, lost]
    (tmp_path / FILE).write_text("[{}]")
    with pytest.raises(MedtailError, match="medtail data sources"):
        kept(tmp_path, rules.Source)


def test_the_command_keeps_what_it_was_not_asked_about(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    boards = tmp_path / "boards"
    boards.mkdir()
    (boards / FILE).write_text(page.as_json([KEPT]))
    words = [
        "data",
        "sources",
        "chula_rbc12",
        "--row",
        "erm",
        "--size",
        "16",
        "--leaderboards",
        "boards",
    ]
    said = CliRunner().invoke(app, [*words, "--page", "sources.md"])
    assert said.exit_code == 0, said.output
    assert [one.name for one in kept(boards, rules.Source)] == ["chula_rbc12", "pbc"]
    assert "1 of 1: chula_rbc12: stress (" in said.output
    assert "`pbc`" in (tmp_path / "sources.md").read_text()
    (tmp_path / "mine.md").write_text("mine")
    with pytest.raises(MedtailError, match="was not written by medtail"):
        CliRunner().invoke(app, [*words, "--page", "mine.md"], catch_exceptions=False)
    assert (tmp_path / "mine.md").read_text() == "mine"


@pytest.mark.real
def test_the_images_are_those_of_the_table(real_data, cache_folder, tmp_path, monkeypatch):
    """RetinaMNIST's files of 28 px are enlarged in its table: by its name alone there are none."""
    monkeypatch.setenv("MEDTAIL_DATA", str(real_data))
    monkeypatch.setenv("MEDTAIL_CACHE", str(cache_folder))
    boards = tmp_path / "boards"
    for part in ("records", "predictions"):
        (boards / part).mkdir(parents=True)
        for path in (ROOT / "leaderboards" / part).glob("retinamnist@natural*"):
            shutil.copy(path, boards / part)
    words = ["data", "sources", "retinamnist", "--row", "erm", "--leaderboards", str(boards)]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    (one,) = kept(boards, rules.Source)
    assert one.lead is not None
    assert one.row == "erm"
