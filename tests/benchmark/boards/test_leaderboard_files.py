"""The folder of leaderboards: merging, the same bytes twice, what is committed."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from matplotlib import image as images

from medtail.benchmark.boards import leaderboard, replicates
from medtail.benchmark.boards.columns import track
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import standings
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.grid.cell import Terms
from medtail.benchmark.metrics.long_tail import score
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT, few
from tests.boards import FEW, ONE, board, done, failed, few_shot, files, one_class, predictions

COMMITTED = ROOT / "leaderboards"
SUFFIXES = {".jsonl", ".parquet", ".json", ".md", ".csv", ".png", ".html", ".sha256"}


def test_rendering_twice_changes_no_byte(tmp_path):
    finished = [done(m, s) for m in ("erm", "ldam") for s in range(3)] + [failed("crt")]
    board(tmp_path, finished)
    before = files(tmp_path)
    assert {p.suffix for p in before} == SUFFIXES
    board(tmp_path, finished[::-1])
    assert files(tmp_path) == before


def test_a_failure_never_replaces_a_success(tmp_path):
    path = tmp_path / "records" / "fake@natural.jsonl"
    good, scores = done()
    assert leaderboard.publish(tmp_path, [(good, scores)]) == ["fake@natural"]
    leaderboard.publish(tmp_path, [failed()])
    assert read_lines(path) == [good]
    assert leaderboard.read_predictions(tmp_path, "fake@natural").keys() == {good.cell_id}
    leaderboard.publish(tmp_path, [failed("crt", reason="first")])
    leaderboard.publish(tmp_path, [failed("crt", reason="second")])
    assert [r.reason for r in read_lines(path)] == ["second", ""]
    leaderboard.publish(tmp_path, [done("crt")])
    assert [r.status for r in read_lines(path)] == ["ok", "ok"]


def test_a_new_success_replaces_the_old_one_and_its_predictions(tmp_path):
    old, scores = done()
    leaderboard.publish(tmp_path, [(old, scores), done("ldam")])
    fresh = predictions("another")
    new = old.model_copy(update={"predictions": fresh.digest, "fitted": {"tau": 1.0}})
    leaderboard.publish(tmp_path, [(new, fresh)])
    assert new in read_lines(tmp_path / "records" / "fake@natural.jsonl")
    stored = leaderboard.read_predictions(tmp_path, "fake@natural")
    assert len(stored) == 2
    assert stored[new.cell_id].digest == fresh.digest
    leaderboard.publish(tmp_path, [(old, None)])
    assert len(leaderboard.read_predictions(tmp_path, "fake@natural")) == 1


def test_predictions_of_another_run_are_refused(tmp_path):
    record, _ = done()
    with pytest.raises(MedtailError, match="not from these"):
        leaderboard.publish(tmp_path, [(record, predictions("another"))])
    assert not list(tmp_path.iterdir())


def test_predictions_are_kept_exactly_and_small(tmp_path):
    finished = [done(m, s) for m in "abcdefgh" for s in range(3)]
    leaderboard.publish(tmp_path, finished[:10])
    leaderboard.publish(tmp_path, finished[10:])
    stored = leaderboard.read_predictions(tmp_path, "fake@natural")
    assert stored.keys() == {r.cell_id for r, _ in finished}
    for record, scores in finished:
        found = stored[record.cell_id]
        assert found.digest == scores.digest == record.predictions
        np.testing.assert_array_equal(found.group, scores.group)
    size = (tmp_path / "predictions" / "fake@natural.parquet").stat().st_size
    assert size < 24 * 60 * 3 * 2 + 6000


def test_notes_are_linked_where_they_exist(tmp_path):
    root, variant = tmp_path / "leaderboards", Terms(data="fake+clean@lt100")
    (tmp_path / "docs").mkdir()
    assert "Notes" not in board(root, [done(), done(terms=variant), done(terms=Terms(data="b@c"))])
    (tmp_path / "docs" / "fake.md").write_text("notes")
    leaderboard.render(root)
    linked = {p.name for p in root.glob("*@*.md") if "Notes" in p.read_text()}
    assert linked == {"fake@natural.md", "fake+clean@lt100.md"}
    assert "[Notes on these results](../docs/fake.md)" in (root / "fake@natural.md").read_text()


def test_notes_name_their_boards_in_their_first_line(tmp_path):
    root, docs = tmp_path / "leaderboards", tmp_path / "docs"
    docs.mkdir()
    (docs / "fake.md").write_text("notes")
    (docs / "few.md").write_text("<!-- boards: fake@lt100 other@lt100 -->\n# Few\n")
    (docs / "late.md").write_text("# Late\n<!-- boards: fake@lt100 -->\n")
    (docs / "part.md").write_text("<!-- boards: fake@lt1000 -->\n")
    page = board(
        root, [done(terms=Terms(data=f"{d}@lt100")) for d in ("fake", "other")], "fake@lt100"
    )
    found = re.findall(r"\[Notes[^]]*\]\(([^)]*)\)", page)
    assert found == ["../docs/fake.md", "../docs/few.md"]
    assert "[Notes: few](../docs/few.md)" in (root / "other@lt100.md").read_text()


def test_publishing_waits_for_another_process(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with FileLock(tmp_path / ".lock"):
            waiting = pool.submit(leaderboard.publish, tmp_path, [done()])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            assert not (tmp_path / "records").exists()
        assert waiting.result(timeout=30) == ["fake@natural"]


def test_only_pages_of_its_own_are_removed(tmp_path):
    board(tmp_path, [done(), done(terms=Terms(data="gone@lt100"))])
    (tmp_path / "mine@natural.md").write_text("my notes")
    (tmp_path / "records" / "gone@lt100.jsonl").unlink()
    leaderboard.render(tmp_path)
    assert {p.name for p in tmp_path.glob("*@*")} == {
        "fake@natural.md",
        "fake@natural.csv",
        "fake@natural.png",
        "mine@natural.md",
    }
    assert (tmp_path / "predictions" / "gone@lt100.parquet").exists()


def episodes(amount, seed):
    rng = np.random.default_rng(3)  # the same episodes for all
    ids = np.array([f"ISIC_{i:07d}" for i in range(500)])
    row = np.concatenate([rng.choice(500, 30, replace=False) for _ in range(amount)])
    target, number = np.tile(np.repeat([0, 1], 15), amount), np.repeat(np.arange(amount), 30)
    logits = np.random.default_rng(seed).normal(size=(len(row), 2))
    return Predictions.of(ids[row], ids[row // 2], target, logits, number, row % 3)


def test_episodes_are_kept_exactly_and_small(tmp_path):
    scores = [episodes(600, seed) for seed in range(4)]
    finished = [
        (few_shot("a", s)[0].model_copy(update={"predictions": p.digest}), p)
        for s, p in enumerate(scores)
    ]
    leaderboard.publish(tmp_path, finished[:2])
    leaderboard.publish(tmp_path, finished[2:])
    stored = leaderboard.read_predictions(tmp_path, FEW.data)
    for record, one in finished:
        found = stored[record.cell_id]
        assert found.digest == one.digest
        for name in ("episode", "source_class", "group"):
            np.testing.assert_array_equal(getattr(found, name), getattr(one, name))
    size = (tmp_path / "predictions" / f"{FEW.data}.parquet").stat().st_size
    assert size < 4 * 72_000 + 60_000  # what they share is there once


def test_cells_with_and_without_classes_of_their_own_share_a_file(tmp_path):
    one, other = episodes(2, 0), episodes(2, 1)
    bare = Predictions(other.id, other.group, other.target, other.logits)
    finished = [
        (one_class("a", s)[0].model_copy(update={"predictions": p.digest}), p)
        for s, p in enumerate((one, bare))
    ]
    leaderboard.publish(tmp_path, finished)
    stored = leaderboard.read_predictions(tmp_path, ONE.data)
    assert [stored[r.cell_id].digest for r, _ in finished] == [one.digest, bare.digest]
    assert stored[finished[1][0].cell_id].episode is None


def committed():
    return sorted((COMMITTED / "records").glob("*.jsonl"))


def of_each_track():
    """All committed boards; of a track the smallest stays in the usual suite."""
    smallest: dict[str, Path] = {}
    for path in sorted(committed(), key=lambda path: path.stat().st_size):
        smallest.setdefault(track(path.stem), path)
    assert len(smallest) == 4
    return few([p.stem for p in committed()], *(p.stem for p in smallest.values()))


def test_committed_boards_are_what_records_give(tmp_path):
    root = tmp_path / "leaderboards"
    for part in ("records", "predictions", "statistics"):
        shutil.copytree(COMMITTED / part, root / part)
    shutil.copy(COMMITTED / "sources.json", root)
    (tmp_path / "docs").symlink_to(COMMITTED.parent / "docs")  # what the pages link to
    for path in leaderboard.render(root):
        stands = COMMITTED / path.name
        assert stands.exists(), f"{path.name} is missing: run `medtail leaderboards`"
        if path.suffix == ".png":
            one, two = images.imread(path), images.imread(stands)
            assert one.shape == two.shape, path.name
            # Another build of FreeType shades the edges of letters differently.
            assert np.abs(one - two).mean() < 0.01, f"{path.name}: run `medtail leaderboards`"
        else:
            assert path.read_bytes() == stands.read_bytes(), (
                f"{path.name} is not what the records give: run `medtail leaderboards`"
            )

    for path in (root / "statistics").glob("*"):
        stands = COMMITTED / "statistics" / path.name
        assert path.read_bytes() == stands.read_bytes(), f"{path.name}: run `medtail leaderboards`"


def stale():
    """Nothing is drawn and written where the committed statistics are those of the records."""
    pytest.fail("run `medtail leaderboards`")


@pytest.mark.parametrize("slug", of_each_track())
def test_committed_predictions_give_what_is_drawn_anew(monkeypatch, slug):
    """In every track, by other code than the records' metrics."""
    monkeypatch.setattr(replicates, "REPLICATES", 1)
    stored = leaderboard.read_predictions(COMMITTED, slug)
    tables = sections(read_lines(COMMITTED / f"records/{slug}.jsonl"))
    known = standings(COMMITTED, slug, tables, stale)
    for table, standing in zip(tables, known, strict=True):
        drawn = replicates.replicates(table, stored)
        assert set(drawn) == {r.name for r in table.rows if r.done} == set(standing.rows)
        for row in (r for r in table.rows if r.done):
            intervals = standing.rows[row.name].intervals
            assert table.view.primary in intervals
            for name, values in drawn[row.name].values.items():
                stands = [r.metrics[name] for r in row.done]
                expected = np.array(stands, dtype=float)
                np.testing.assert_allclose(values[:, 0], expected, atol=1e-6, err_msg=name)
                if values.ndim == 2:
                    mean, low, high = intervals[name]
                    assert mean == pytest.approx(expected.mean(), abs=1e-5), name
                    assert low <= mean <= high, name


def test_the_smallest_committed_board_is_drawn_anew_alike(tmp_path):
    slug = min(committed(), key=lambda path: path.stat().st_size).stem
    tables = sections(read_lines(COMMITTED / "records" / f"{slug}.jsonl"))
    read = partial(leaderboard.read_predictions, COMMITTED, slug)
    again = standings(tmp_path, slug, tables, read)
    for one, two in zip(again, standings(COMMITTED, slug, tables, stale), strict=True):
        assert one.smallest_difference == pytest.approx(two.smallest_difference, abs=1e-4)
        for name, row in one.rows.items():
            assert row.ranks == two.rows[name].ranks
            for metric, numbers in row.intervals.items():
                assert numbers == pytest.approx(two.rows[name].intervals[metric], abs=1e-4)


@pytest.mark.parametrize("every_seed", few([False, True], False))
def test_committed_predictions_give_the_metrics_of_their_records(every_seed):
    for path in committed():
        stored = leaderboard.read_predictions(COMMITTED, path.stem)
        records = {r.cell_id: r for r in read_lines(path) if r.status == "ok"}
        assert stored.keys() == records.keys(), path.name
        for cell, record in records.items():
            assert stored[cell].digest == record.predictions, record.cell
            if track(path.stem) not in ("long_tail", "active"):
                continue
            if record.cell.seed and not every_seed:
                continue
            support = np.bincount(stored[cell].target, minlength=len(record.support))
            assert tuple(support) == record.support
            ordinal = record.metrics["quadratic_kappa"] is not None
            for prior, stands in (("natural", record.metrics), ("balanced", record.balanced)):
                again = score(stored[cell], None, record.class_counts, ordinal, prior)
                assert stands.keys() >= {n for n in again if "fitted" not in n}
                assert track(path.stem) == "active" or again.keys() >= stands.keys()
                # What needs validation predictions too is not published. Exponentials differ in
                # the last bit between processors, hence nine digits.
                for name in again.keys() - {n for n in again if re.search("specificity|fitted", n)}:
                    one, two = again[name], stands[name]
                    assert one == pytest.approx(two, abs=1e-9), f"{record.cell}: {name}"
