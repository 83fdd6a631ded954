"""Rows over sources: which tables count, what is averaged, and how far it may be off."""

import json

import numpy as np
import pytest
from PIL import Image

from medtail.benchmark.boards import leaderboard, over_sources, sources_page
from medtail.benchmark.boards.over_sources import Tier
from medtail.benchmark.boards.pairs import Pairs
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import Standing
from medtail.benchmark.grid.cell import Budget, Terms
from medtail.benchmark.grid.weights import Weights
from medtail.datamodules.core.errors import MedtailError
from tests.boards import done, with_value

LITE = Weights(kind="file", name="w", sha256="0" * 64)
ROWS = {"erm": 0.5, "focal": 0.6, "ldam": 0.4}


def frozen(slug, **changes):
    return Terms(data=slug, weights=LITE, budget=Budget(tune="frozen"), **changes)


def table(slug, rows=ROWS, seeds=(0, 1), terms=None):
    terms = terms or frozen(slug)
    made = [with_value(v, name, seed, terms=terms) for name, v in rows.items() for seed in seeds]
    return sections(made)


def standing(part, half=0.02):
    names = tuple(row.name for row in part.rows if row.done)
    halves = tuple((half,) * (len(names) - 1 - n) for n in range(len(names) - 1))
    metrics = ("balanced_accuracy", "fitted_balanced_accuracy")
    return Standing(
        key="", rows={}, pairs=Pairs(names=names, halves=dict.fromkeys(metrics, halves))
    )


def found(boards, tiers, half=0.02):
    known = {slug: [standing(part, half) for part in parts] for slug, parts in boards.items()}
    measured = [Tier(name=name, tier=tier, row="erm") for name, tier in tiers.items()]
    return over_sources.over_sources(boards, known, measured)


def placed(result):
    return {row.name: row for row in result.rows}


CORE = dict.fromkeys("abc", "core")


def test_gains_and_ranks_are_means_over_core_sources():
    boards = {
        "a@natural": table("a@natural"),
        "b@natural": table("b@natural", ROWS | {"focal": 0.45}),
        "c@natural": table("c@natural"),
        "s@natural": table("s@natural", ROWS | {"focal": 0.1}),
    }
    result = found(boards, CORE | {"s": "stress"})
    assert (result.core, result.stress) == (("a", "b", "c"), ("s",))
    row = placed(result)["focal"]
    assert row.gain["balanced_accuracy"][0] == pytest.approx((0.1 - 0.05 + 0.1) / 3)
    assert row.gains["balanced_accuracy"] == pytest.approx((0.1, -0.05, 0.1, -0.4))
    assert row.rank["balanced_accuracy"][0] == pytest.approx((1 + 2 + 1) / 3)
    assert row.rank["fitted_balanced_accuracy"][0] == pytest.approx((3 + 2 + 3) / 3)
    assert placed(result)["erm"].gain["balanced_accuracy"] == (0, 0, 0)
    assert [r.name for r in result.rows] == ["focal", "erm", "ldam"]
    assert result.needed == 7
    assert result.sure == (0, 3)


def test_regimes_of_a_source_are_averaged_first():
    boards = {
        "a@natural": table("a@natural"),
        "a@lt100": table("a@lt100", ROWS | {"focal": 0.3}),
        "b@natural": table("b@natural"),
    }
    row = placed(found(boards, CORE))["focal"]
    assert row.gains["balanced_accuracy"] == pytest.approx((-0.05, 0.1))
    assert row.gain["balanced_accuracy"][0] == pytest.approx(0.025)


def test_a_row_that_a_core_source_lacks_is_shown_and_not_ranked():
    boards = {slug: table(slug) for slug in ("a@natural", "b@natural", "s@natural")}
    some = {"erm": 0.5, "ldam": 0.4}
    lacking = boards | {"b@natural": table("b@natural", some)}
    row = placed(found(lacking, CORE | {"s": "stress"}))["focal"]
    assert (row.rank, row.gain) == ({}, {})
    assert row.gains["balanced_accuracy"] == pytest.approx((0.1, None, 0.1))
    fine = boards | {"s@natural": table("s@natural", some)}
    assert placed(found(fine, CORE | {"s": "stress"}))["focal"].rank
    half = table("b@natural")[0].records
    cut = [r for r in half if (r.cell.method, r.cell.seed) != ("focal", 1)]
    assert not placed(found(boards | {"b@natural": sections(cut)}, CORE))["focal"].rank


def test_only_tables_on_frozen_features_with_the_reference_count():
    boards = {slug: table(slug) for slug in ("a@natural", "b@natural")}
    scratch = table("c@natural", terms=Terms(data="c@natural"))
    lone = table("d@natural", {"focal": 0.6})
    result = found(boards | {"c@natural": scratch, "d@natural": lone}, CORE | {"d": "core"})
    assert result.core == ("a", "b")
    assert found({"a@natural": boards["a@natural"]}, CORE) is None, "one is no comparison"
    assert found(boards, {}) is None


def test_the_root_gives_the_variances_of_paired_differences():
    """Whatever the variances of three rows, as long as they can be."""
    rng = np.random.default_rng(0)
    (part,) = table("a@natural")
    factor = rng.normal(size=(3, 3))
    covariance = factor @ factor.T
    names = [row.name for row in part.rows]
    wanted = {
        (i, j): covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]
        for i in range(3)
        for j in range(i + 1, 3)
    }
    halves = tuple(
        tuple(over_sources.NORMAL * wanted[i, j] ** 0.5 for j in range(i + 1, 3)) for i in range(2)
    )
    known = Pairs(names=tuple(names), halves={"balanced_accuracy": halves})
    keys = [over_sources.key_of(row) for row in part.rows]
    root = over_sources.spread(part, known, keys, "balanced_accuracy")
    got = root @ root.T
    for (i, j), variance in wanted.items():
        assert got[i, i] + got[j, j] - 2 * got[i, j] == pytest.approx(variance)


def test_intervals_grow_with_what_sources_and_tables_vary_by():
    slugs = ("a@natural", "b@natural", "c@natural")
    same = {slug: table(slug) for slug in slugs}
    sure, unsure = (found(same, CORE, half) for half in (1e-6, 0.05))
    narrow = placed(sure)["focal"].gain["balanced_accuracy"]
    assert narrow == pytest.approx((0.1, 0.1, 0.1), abs=1e-5)
    assert placed(sure)["focal"].rank["balanced_accuracy"] == (1, 1, 1)
    wide = placed(unsure)["focal"].gain["balanced_accuracy"]
    assert 0.05 < wide[2] - wide[1] < 0.1 * 3**0.5, "of a mean of three, resampled"
    other = same | {"c@natural": table("c@natural", ROWS | {"focal": 0.4})}
    gain = placed(found(other, CORE, 1e-6))["focal"].gain["balanced_accuracy"]
    assert gain == pytest.approx((0.1 / 3, -0.1, 0.1), abs=1e-4), "all three may be one source"


def test_tiers_are_read_of_what_was_measured(tmp_path):
    assert over_sources.kept(tmp_path, Tier) == []
    entry = {"name": "a", "tier": "core", "row": "erm", "images": 30}
    (tmp_path / over_sources.FILE).write_text(json.dumps([entry]))
    assert [one.tier for one in over_sources.kept(tmp_path, Tier)] == ["core"]
    (tmp_path / over_sources.FILE).write_text("[1]")
    with pytest.raises(MedtailError, match=r"sources\.json: not what medtail data sources wrote"):
        over_sources.kept(tmp_path, Tier)


def test_boards_show_it_first_with_its_picture_and_take_it_away_again(tmp_path):
    for slug in ("a@natural", "b@natural", "s@natural"):
        terms = frozen(slug)
        entries = [done(m, seed, terms=terms) for m in ("erm", "focal") for seed in (0, 1)]
        leaderboard.publish(tmp_path, entries)
    kept = [
        {"name": name, "tier": "stress" if name == "s" else "core", "row": "erm"} for name in "abs"
    ]
    (tmp_path / over_sources.FILE).write_text(json.dumps(kept))
    leaderboard.render(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert page.index("## Over sources") < page.index("## Long tail")
    assert "Core sources, each weighted alike: a, b. Beside them, never averaged: s." in page
    assert "it can tell none below 6 sources" in page
    with Image.open(tmp_path / sources_page.PICTURE) as image:
        assert image.width > 500
    document = json.loads((tmp_path / "leaderboards.json").read_text())
    assert document["over_sources"]["core"] == ["a", "b"]
    (tmp_path / over_sources.FILE).unlink()
    leaderboard.render(tmp_path)
    assert not (tmp_path / sources_page.PICTURE).exists()
    assert "## Over sources" not in (tmp_path / "README.md").read_text()
