"""Leaderboards: merging, equal terms, means by hand, the same bytes twice, what is committed."""

import csv
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from matplotlib import image as images
from rich.console import Console
from timm.optim import get_optimizer_info, list_optimizers

from benchmark import leaderboard
from benchmark.cell import Budget, Cell, Terms
from benchmark.leaderboard_columns import column
from benchmark.leaderboard_pages import describe
from benchmark.leaderboard_rows import sections
from benchmark.metrics import score
from benchmark.predictions import Predictions
from benchmark.record import Cost, Provenance, Record, Stage, read_lines
from datamodules.core.errors import MedtailError

COMMITTED = Path(__file__).parents[1] / "leaderboards"
NAMES, COUNTS = ("mel", "nv", "df"), (50, 900, 10)
TERMS = Terms(data="fake@natural")


def predictions(method="erm", seed=0, n=60, absent=()):
    rng = np.random.default_rng([seed, sum(map(ord, method))])
    target = np.resize([k for k in range(3) if k not in absent], n)
    id = np.array([f"s{i:03d}" for i in range(n)])
    return Predictions.of(id, id, target, rng.normal(size=(n, 3)) + 2 * np.eye(3)[target])


def done(
    method="erm", seed=0, terms=TERMS, params=None, absent=(), lists="one", source="", **changes
):
    cell = Cell(method=method, seed=seed, terms=terms, params=params or {})
    scores = predictions(method, seed, absent=absent)
    provenance = Provenance(
        commit="", versions={}, platform="", finished="", split_digest=lists, source=source
    )
    values = {
        "cell_id": cell.id,
        "cell": cell,
        "status": "ok",
        "class_names": NAMES,
        "class_counts": COUNTS,
        "support": tuple(np.bincount(scores.target, minlength=3).tolist()),
        "metrics": score(scores, scores, COUNTS, ordinal=False),
        "balanced": score(scores, scores, COUNTS, ordinal=False, prior="balanced"),
        "provenance": provenance,
        "predictions": scores.digest,
    }
    return Record(**{**values, **changes}), scores


def failed(method="erm", seed=0, terms=TERMS, reason="loss is nan"):
    cell = Cell(method=method, seed=seed, terms=terms)
    return Record(cell_id=cell.id, cell=cell, status="failed", reason=reason), None


def with_value(value, method="erm", seed=0, **changes):
    record, _ = done(method, seed, **changes)
    values = {"balanced_accuracy": value, "recall": [value, 0.5, None], "macro_auc": None}
    return record.model_copy(update={"metrics": record.metrics | values})


def board(root, finished):
    leaderboard.publish(root, finished)
    leaderboard.render(root)
    return (root / "fake@natural.md").read_text()


def test_a_row_says_what_the_method_had_beyond_its_table(tmp_path):
    usual = 960 // TERMS.budget.batch_size * TERMS.budget.batch_size * TERMS.budget.epochs
    cost = Cost(seconds=1, train_seconds=1, parameters=1, images=usual, peak_mib=1, device="cpu")
    twice = cost.model_copy(update={"images": 2 * usual})
    own = (Stage(name="classifier", epochs=1, selected=0, own_optimizer="momentum lr 0.05"),)
    page = board(
        tmp_path,
        [
            done("erm", cost=cost),
            done("bbn", cost=twice),
            done("lws", cost=cost, stages=own),
        ],
    )
    assert "‡ had more than the terms above" in page
    assert "`bbn` 2.0 times the training images" in page
    assert "`lws` momentum lr 0.05 in classifier" in page
    assert "`erm` ‡" not in page


def rows(page, title):
    """Cells of the first table after a text, its head first."""
    lines = [line for line in page[page.index(title) :].splitlines() if line.startswith("|")]
    width = lines[0].count(" | ")
    cells = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in lines if line.count(" | ") == width]
    return [cells[0], *cells[2:]]


def files(root):
    found = [p for p in root.rglob("*") if p.is_file() and p.name != ".lock"]
    return {p.relative_to(root): p.read_bytes() for p in found}


def test_rendering_twice_changes_no_byte(tmp_path):
    finished = [done(m, s) for m in ("erm", "ldam") for s in range(3)] + [failed("crt")]
    board(tmp_path, finished)
    before = files(tmp_path)
    assert {p.suffix for p in before} == {".jsonl", ".parquet", ".md", ".csv", ".png"}
    board(tmp_path, finished[::-1])
    assert files(tmp_path) == before


def test_mean_and_spread_by_hand(tmp_path):
    values = (0.5, 0.6, 0.8)  # mean 0.6333, sample variance (0.0178 + 0.0011 + 0.0278) / 2
    page = board(tmp_path, [(with_value(v, seed=s), None) for s, v in enumerate(values)])
    assert rows(page, "ranked by")[1][1:4] == ["`erm`", "n/a", "63.3 ± 15.3"]
    assert rows(page, "Recall of each class")[1] == ["`erm`", "50.0 ± 0.0", "63.3 ± 15.3", "n/a"]
    with (tmp_path / "fake@natural.csv").open() as file:
        line = next(csv.DictReader(file))
    assert float(line["balanced_accuracy_mean"]) == pytest.approx(np.mean(values), abs=1e-6)
    assert float(line["balanced_accuracy_sd"]) == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert float(line["recall[mel]_mean"]) == pytest.approx(np.mean(values), abs=1e-6)
    assert line["recall[df]_mean"] == line["macro_auc_mean"] == ""
    assert float(line["balanced_prior_macro_auc_mean"]) > 0
    assert line["seeds"] == "3"


def test_one_seed_has_no_spread(tmp_path):
    page = board(tmp_path, [(with_value(0.5), None)])
    assert rows(page, "ranked by")[1][3] == "50.0"


def test_ranks_and_bold_are_the_best_mean(tmp_path):
    records = [with_value(v, m, s) for m, v in (("a", 0.4), ("b", 0.6)) for s in (0, 1)]
    page = board(tmp_path, [(r, None) for r in records])
    table = rows(page, "ranked by")
    assert [line[:2] + line[3:4] for line in table[1:]] == [
        ["1", "`b`", "**60.0 ± 0.0**"],
        ["2", "`a`", "40.0 ± 0.0"],
    ]


def test_lower_is_better_where_it_is():
    (section,) = sections([done(m)[0] for m in ("a", "b", "c")])
    nll = [row.stat(column("nll")).mean for row in section.rows]
    assert section.best(column("nll")) == min(nll)
    assert section.best(column("classes_scored")) is None


def test_terms_never_share_a_table(tmp_path):
    others = [
        Terms(data="fake@natural", image_size=(64, 64)),
        Terms(data="fake@natural", budget=Budget(epochs=99)),
        Terms(data="fake@natural", selection="last"),
        Terms(data="fake@natural", data_params={"size": 5}),
    ]
    records = [done(m, terms=t)[0] for t in (TERMS, *others) for m in ("erm", "ldam")]
    parts = sections(records)
    assert len(parts) == 5
    assert all(len({r.cell.terms for r in part.records}) == 1 for part in parts)
    page = board(tmp_path, [(r, None) for r in records])
    assert len(set(re.findall(r"^## .*$", page, re.MULTILINE))) == 5
    assert "cannot be compared" in page
    assert {p.name for p in tmp_path.glob("*.png")} == {"fake@natural.png"}


def test_other_splits_counts_or_tests_never_share_a_table():
    other = done("ldam", class_counts=(50, 900, 11))[0]
    records = [done("erm")[0], other, done("focal", lists="two")[0], done("crt", absent=(2,))[0]]
    assert len(sections(records)) == 4
    sources = [done("erm", source=s)[0] for s in ("npz28", "JPEG", "")]
    assert [len(sections(sources[:n])) for n in (1, 2, 3)] == [1, 2, 3]
    assert len(sections([done("erm", seed=s)[0] for s in range(3)])) == 1


def test_a_page_says_where_its_images_came_from(tmp_path):
    first, second = done("erm", source="JPEG | full"), done("ldam", 1, source="npz28")
    page = board(tmp_path, [first, second])
    assert page.count("- Images from: ") == 2
    assert r"- Images from: JPEG \| full." in page
    assert "- Images from: npz28." in page


def test_parameters_make_a_row():
    (section,) = sections([done("mixup", params={"alpha": a})[0] for a in (0.2, 1.0)])
    assert sorted(row.name for row in section.rows) == ["mixup(alpha=0.2)", "mixup(alpha=1.0)"]


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


def test_failures_are_shown_and_not_ranked(tmp_path):
    finished = [
        (with_value(0.9, "shaky", 0), None),
        (with_value(0.4, "steady", 0), None),
        (with_value(0.5, "steady", 1), None),
        failed("shaky", 1, reason="loss is nan | epoch 3"),
        failed("broken", 0),
    ]
    page = board(tmp_path, finished)
    table = rows(page, "ranked by")
    assert [(line[0], line[1], line[-1]) for line in table[1:]] == [
        ("1", "`steady`", "2"),
        ("-", "`shaky`", "✗ 1 of 2"),
        ("-", "`broken`", "✗ 1 of 1"),
    ]
    assert "**90.0**" not in page
    assert r"- ✗ `shaky`, seed 1: loss is nan \| epoch 3" in page
    assert "- ✗ `broken`, seed 0: loss is nan" in page


def test_a_row_with_fewer_seeds_is_not_ranked(tmp_path):
    steady = [with_value(0.4 + s / 100, m, s) for m in ("a", "b") for s in range(3)]
    lucky = with_value(0.9, "lucky", 1)
    (section,) = sections([*steady, lucky])
    assert [row.complete for row in section.rows] == [True, True, False]
    assert section.best(column("balanced_accuracy")) == pytest.approx(0.41)
    page = board(tmp_path, [(r, None) for r in (*steady, lucky)])
    table = rows(page, "ranked by")
    assert [(line[0], line[1], line[-1]) for line in table[1:]] == [
        ("1", "`a`", "3"),
        ("2", "`b`", "3"),
        ("-", "`lucky`", "1 of 3"),
    ]
    assert "**90.0" not in page
    assert "n of m: only n of the table's m seeds were run" in page
    front = (tmp_path / "README.md").read_text()
    assert rows(front, "| Board")[1][-2] == "41.0 ± 1.0 `a`"
    assert rows(front, "## Overall")[-1] == ["`lucky`", "90.0 (1 of 3)", "n/a"]
    with (tmp_path / "fake@natural.csv").open() as file:
        assert [line["rank"] for line in csv.DictReader(file)] == ["1", "2", ""]
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    console.print(leaderboard.terminal_table([*steady, lucky]))
    assert "1 of 3" in console.export_text()


def test_momentum_is_a_term_only_where_the_optimizer_has_one():
    for name in list_optimizers():
        words = " ".join(describe(Terms(data="fake@natural", budget=Budget(optimizer=name))))
        assert ("momentum 0.9" in words) == get_optimizer_info(name).has_momentum, name


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
        ["Method", "one@natural", "three@natural", "two@natural", "Mean rank"],
        ["`c`", "**70.0**", "n/a", "**60.0**", "1.2"],
        ["`b`", "60.0", "10.0", "**60.0**", "1.8"],
        ["`a`", "50.0", "**90.0**", "40.0", "3.0"],
    ]
    assert "over the 2 boards on which every method listed is complete" in front
    assert "no test of significance" in front
    assert "because nothing finished: `broken`" in front
    assert "95 % specificity uses thresholds taken from validation predictions" in front


def test_overall_without_a_common_board(tmp_path):
    table, front = overall(tmp_path, {"one@natural": {"a": 0.5}, "two@natural": {"b": 0.6}})
    assert [line[-1] for line in table[1:]] == ["n/a", "n/a"]
    assert "over no board" in front


def test_notes_are_linked_where_they_exist(tmp_path):
    root, variant = tmp_path / "leaderboards", Terms(data="fake+clean@lt100")
    (tmp_path / "docs").mkdir()
    assert "Notes" not in board(root, [done(), done(terms=variant), done(terms=Terms(data="b@c"))])
    (tmp_path / "docs" / "fake.md").write_text("notes")
    leaderboard.render(root)
    linked = {p.name for p in root.glob("*@*.md") if "Notes" in p.read_text()}
    assert linked == {"fake@natural.md", "fake+clean@lt100.md"}
    assert "[Notes on these results](../docs/fake.md)" in (root / "fake@natural.md").read_text()


def test_publishing_waits_for_another_process(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with FileLock(tmp_path / ".lock"):
            waiting = pool.submit(leaderboard.publish, tmp_path, [done()])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            assert not (tmp_path / "records").exists()
        assert waiting.result(timeout=30) == ["fake@natural"]


def test_all_failed(tmp_path):
    page = board(tmp_path, [failed()])
    assert "✗ `erm`, seed 0" in page
    assert not (tmp_path / "fake@natural.png").exists()
    assert "all failed" in (tmp_path / "README.md").read_text()


def test_a_class_missing_from_the_test_set(tmp_path):
    page = board(tmp_path, [done(m, absent=(2,)) for m in ("erm", "ldam")])
    table = rows(page, "Recall of each class")
    assert table[0] == [
        "Method",
        "nv<br>train 900<br>test 30",
        "mel<br>train 50<br>test 30",
        "df<br>train 10<br>test 0",
    ]
    assert [line[3] for line in table[1:]] == ["n/a", "n/a"]


def test_reconstructions_are_marked(tmp_path):
    page = board(tmp_path, [done(provenance_status="reconstruction"), done("ldam")])
    assert "`erm` †" in page
    assert "`ldam` †" not in page
    assert "† reconstruction" in page


def test_links_lead_somewhere(tmp_path):
    other = Terms(data="other@lt100")
    board(tmp_path, [done(), done(terms=other), failed("crt", terms=other)])
    for page in tmp_path.glob("*.md"):
        links = re.findall(r"\]\(([^)]+)\)", page.read_text())
        assert links
        assert all((tmp_path / link).exists() for link in links), page
    assert (tmp_path / "README.md").read_text().count("](other@lt100.md)") == 1


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


def test_no_records_yet(tmp_path):
    assert leaderboard.render(tmp_path) == [tmp_path / "README.md"]
    assert "No records yet" in (tmp_path / "README.md").read_text()


def test_terminal(tmp_path):
    records = [done(m, s)[0] for m in ("erm", "ldam") for s in (0, 1)] + [failed("crt")[0]]
    console = Console(width=140, record=True, file=(tmp_path / "out").open("w"))
    console.print(leaderboard.terminal_table(records))
    text = console.export_text()
    assert all(word in text for word in ("fake@natural", "erm", "ldam", "✗ 1 of 1", "±"))
    with pytest.raises(MedtailError, match="no records"):
        leaderboard.terminal_table([])


def test_names_are_whole_on_eighty_columns(tmp_path):
    long = "post_hoc_logit_adjustment"
    records = [with_value(0.5, m, s) for m in (long, "effective_number") for s in (0, 1)]
    records = [
        r.model_copy(update={"metrics": r.metrics | {"macro_auc": 0.6 + r.cell.seed / 10}})
        for r in records
    ]
    records += [failed("crt")[0]]
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    console.print(leaderboard.terminal_table(records))
    lines = console.export_text().splitlines()
    (line,) = [line for line in lines if long in line]
    assert "65.0 ± 7.1" in line
    assert "50.0 ± 0.0" in line
    assert any("effective_number" in line for line in lines)
    assert any("Bal. acc. %" in line and line.rstrip().endswith("Seeds") for line in lines)
    assert any(line.rstrip().endswith("✗ 1 of 1") for line in lines)


def committed():
    if not list((COMMITTED / "records").glob("*.jsonl")):
        pytest.skip("no committed records in leaderboards/records")
    return sorted((COMMITTED / "records").glob("*.jsonl"))


def test_committed_boards_are_what_records_give(tmp_path):
    committed()
    root = tmp_path / "leaderboards"
    shutil.copytree(COMMITTED / "records", root / "records")
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


def test_committed_predictions_give_the_metrics_of_their_records():
    for path in committed():
        stored = leaderboard.read_predictions(COMMITTED, path.stem)
        records = {r.cell_id: r for r in read_lines(path) if r.status == "ok"}
        assert stored.keys() == records.keys(), path.name
        for cell, record in records.items():
            assert stored[cell].digest == record.predictions, record.cell
            support = np.bincount(stored[cell].target, minlength=len(record.support))
            assert tuple(support) == record.support
            ordinal = record.metrics["quadratic_kappa"] is not None
            for prior, stands in (("natural", record.metrics), ("balanced", record.balanced)):
                again = score(stored[cell], None, record.class_counts, ordinal, prior)
                assert again.keys() == stands.keys()
                # What needs validation predictions too is not published. Exponentials differ in
                # the last bit between processors, hence nine digits.
                for name in again.keys() - {n for n in again if "specificity" in n}:
                    one, two = again[name], stands[name]
                    assert one == pytest.approx(two, abs=1e-9), f"{record.cell}: {name}"
