"""Submitted predictions stand beside a table, are marked wherever they do, and move nothing."""

import csv
import io
import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from medtail.benchmark.boards import json_form, leaderboard, outside
from medtail.benchmark.boards import markdown as pages
from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import compute
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.metrics.rescoring import rescored
from medtail.benchmark.scoring import scores_file, submission
from tests.benchmark.scoring.outsiders import NAME, SLUG, board_of, put, scores_of
from tests.boards import done, files, predictions, rows


def perfect():
    """Scores without a mistake: above every row, and best in every column."""
    scores = scores_of()
    sure = 9.0 * np.eye(3)[predictions().target]
    return type(scores)(np.stack([sure, sure]), scores.seeds, "logits", ())


def parts_of(root):
    parts = sections(read_lines(root / "records" / f"{SLUG}.jsonl"))
    stored = partial(read_predictions, root, SLUG)
    made, given = outside.attach(root, SLUG, parts, stored)
    return made, stored() | given


@pytest.fixture
def boards(tmp_path):
    """A folder with pages, and the pages before somebody's predictions came."""
    board_of(tmp_path)
    leaderboard.render(tmp_path)
    before = files(tmp_path)
    put(tmp_path, "Best", perfect(), url="https://example.org/x_y", note="<b>*ours*</b> | x")
    put(tmp_path)
    leaderboard.render(tmp_path)
    return tmp_path, before


def test_a_page_shows_them_where_their_mean_falls_and_marks_them(boards):
    root, _ = boards
    page = (root / f"{SLUG}.md").read_text()
    head, *lines = rows(page, "In %, ranked by")
    names = {line[1]: line for line in lines}
    assert lines[0][:2] == ["◇", "`Best` ◇"]
    escaped = r"`` My\|Net [red] <b>` `` ◇"
    assert [line[0] for line in lines if "◇" not in line[0]] == ["1", "2", "3"]
    assert names["`Best` ◇"][head.index("Balanced accuracy")] == "100.0 ± 0.0"
    assert names[escaped][head.index("Rank, 95 %")] == "-"
    means = [float(line[head.index("Balanced accuracy")].strip("*").split()[0]) for line in lines]
    assert means == sorted(means, reverse=True)
    assert "◇ submitted predictions: training not seen by medtail." in page
    told = "- `Best` ◇: would be 1 of 4 by balanced accuracy (1 to 2 at the ends of its "
    assert told in page
    assert "their seeds 7, 8; <https://example.org/x_y>; " in page
    assert r"\<b\>\*ours\*\</b\> \| x" in page
    assert f"- {escaped}: would be " in page
    assert [line[0] for line in rows(page, "### Recall")[1:]].count("`Best` ◇") == 1


def test_no_number_rank_or_bold_of_another_row_moves(boards):
    root, before = boards
    now = files(root)
    changed = {str(path) for path in before if now[path] != before[path]}
    derived = {f"{SLUG}.md", f"{SLUG}.csv", f"statistics/{SLUG}.json", f"statistics/{SLUG}.sha256"}
    assert changed == derived | {"leaderboards.json", "index.html"}
    page = Path(f"{SLUG}.md")
    old, new = (found[page].decode().splitlines() for found in (before, now))
    kept = [line for line in new if "◇" not in line and line]
    assert kept == [line for line in old if line]  # bold, intervals, ranks: to the letter
    table = list(csv.DictReader(io.StringIO((root / f"{SLUG}.csv").read_text())))
    ours = [row for row in table if row["status"] == "submitted"]
    assert {row["method"] for row in ours} == {"Best", NAME}
    assert {row["rank"] + row["rank_low"] + row["win_rate"] for row in ours} == {""}
    assert [row["rank"] for row in table if row not in ours] == ["1", "2", "3"]


def test_the_document_says_so_too(boards):
    root, _ = boards
    parts, stored = parts_of(root)
    known = [compute(part, stored, "key") for part in parts]
    table = json_form.document({SLUG: parts}, {SLUG: known})["boards"][0]["tables"][0]
    ours = {row["name"]: row for row in table["rows"] if row["status"] == "submitted"}
    best = ours["Best"]
    assert (best["complete"], best["place"], best["ranks"], best["again"]) == (False, None, {}, "")
    assert best["metrics"]["balanced_accuracy"][0] == 1
    assert best["submitted"]["place"]["place"] == 1
    assert best["submitted"]["seeds"] == ["7", "8"]
    assert len(best["summaries"]) == 2
    assert all("submitted" not in row for row in table["rows"] if row["name"] not in ours)
    assert table["seeds"] == [0, 1]


def test_the_terminal_marks_them(boards, capsys):
    from rich.console import Console

    root, _ = boards
    parts, _ = parts_of(root)
    console = Console(width=120, markup=False)
    console.print(pages.terminal(SLUG, parts[0]))
    told = capsys.readouterr().out
    assert re.search(r"◇\s+Best\s+100\.0", told)
    assert re.search(r"◇\s+My\|Net \[red\] <b>`", told)


def test_their_numbers_follow_the_samples_not_the_order(tmp_path):
    put(board_of(tmp_path / "one"))
    (first,), stored = parts_of(tmp_path / "one")
    shuffled = np.random.default_rng(0).permutation(60)
    for kind in ("records", "outside"):
        (tmp_path / "one" / kind).rename(tmp_path / kind)

    def turned(given):
        return Predictions(
            *(part[shuffled] for part in (given.id, given.group, given.target, given.logits))
        )

    made = [(r, turned(stored[r.cell_id])) for r in first.records]
    made = [(r.model_copy(update={"predictions": p.digest}), p) for r, p in made]
    leaderboard.publish(tmp_path, made)
    (again,), _ = parts_of(tmp_path)
    for one, other in zip(first.outside, again.outside, strict=True):
        for mine, theirs in zip(one.done, other.done, strict=True):
            for name in ("balanced_accuracy", "macro_auc", "recall", "nll"):
                assert mine.metrics[name] == pytest.approx(theirs.metrics[name])


def test_of_another_truth_they_are_named_and_not_shown(tmp_path):
    put(board_of(tmp_path))
    made = []
    for method in ("erm", "focal"):
        record, given = done(method, 0, lists="two")
        relabelled = given.target.copy()
        relabelled[:2] = relabelled[1::-1]
        changed = Predictions(given.id, given.group, relabelled, given.logits)
        update = {"predictions": changed.digest, **rescored(record, changed, changed)}
        made.append((record.model_copy(update=update), changed))
    for kind in ("records", "predictions"):
        for path in (tmp_path / kind).iterdir():
            path.unlink()
    leaderboard.publish(tmp_path, made)
    leaderboard.render(tmp_path)
    (part,), _ = parts_of(tmp_path)
    assert (part.outside, part.unmatched) == ((), (NAME,))
    page = (tmp_path / f"{SLUG}.md").read_text()
    assert r"◇ not shown: `` My\|Net [red] <b>` ``. Scored on other ids, targets or classes" in page
    whole = json.loads((tmp_path / "leaderboards.json").read_text())
    assert "◇ not shown" in whole["boards"][0]["tables"][0]["facts"][-1]


def test_a_row_that_comes_later_keeps_its_name(tmp_path):
    put(board_of(tmp_path), "later")
    leaderboard.publish(tmp_path, [done("later", s) for s in (0, 1)])
    (part,), _ = parts_of(tmp_path)
    assert "later" in {row.name for row in part.rows}
    assert (part.outside, part.unmatched) == ((), ("later",))


def test_as_good_as_the_best_row_they_are_not_bold(tmp_path):
    """The very predictions of the row that leads."""
    board_of(tmp_path)
    best = parts_of(tmp_path)[0][0].rows[0].name
    same = [predictions(best, seed).logits.astype(np.float64) for seed in (0, 1)]
    scores = scores_file.Scores(np.stack(same), ("0", "1"), "logits", ())
    put(tmp_path, "twin", scores)
    leaderboard.render(tmp_path)
    (part,), stored = parts_of(tmp_path)
    found = outside.place_of(part, compute(part, stored, "key"), part.outside[0])
    scored = submission.score(submission.truth_of(tmp_path, SLUG), scores)
    assert (found, found.place, found.below[0]) == (scored.rank, 1, best)
    page = (tmp_path / f"{SLUG}.md").read_text()
    for title in ("In %, ranked by", "### Recall"):
        lines = rows(page, title)
        twin, leader = (
            next(x for x in lines if f"`{name}`" in " ".join(x)) for name in ("twin", best)
        )
        assert "**" not in " ".join(twin)
        assert "**" in " ".join(leader)
        if title.startswith("In"):
            assert [c.replace("**", "") for c in leader[2:4]] == twin[2:4]


def test_another_board_is_not_touched(tmp_path):
    """Nothing is read or computed anew for boards beside which nothing stands."""
    board_of(tmp_path)
    (part,), _ = parts_of(tmp_path)
    assert (part.outside, part.unmatched) == ((), ())
    read = []
    outside.attach(tmp_path, SLUG, [part], lambda: read.append(1) or {})
    assert not read
