"""What a report says of every committed board, and of boards with odd names: it is the board's."""

import csv
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.columns import VIEWS
from medtail.benchmark.grid.cell import Selection, Terms
from medtail.benchmark.report import cohort, measures, pages, sources, training
from medtail.benchmark.report.checklist import CLAIM, TRIPOD
from medtail.benchmark.report.references import Library
from medtail.benchmark.report.statements import PARTS, told
from medtail.datamodules.core.contract import Augmentation, LastBatch, Normalisation
from tests import ROOT
from tests.boards import active, done, failed, few_shot, one_class, rows

from .reading import entries, tabulars

BOARDS = ROOT / "leaderboards"
SLUGS = sorted(path.stem for path in (BOARDS / "records").glob("isic2018@*.jsonl"))


@cache
def plain_table(slug):
    """The table of a committed board whose networks began with nothing."""
    (table,) = (t for t in sources.tables(BOARDS, [slug]) if t.section.terms.weights is None)
    return table


@cache
def made(slug):
    """The files of that table."""
    return pages.files(slug, [plain_table(slug)])


def table_of(slug):
    with (BOARDS / f"{slug}.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if "from scratch" in line["terms"]]
    return {line["method"]: line for line in lines}


def numbers(cell: str) -> list[float]:
    return [float(n.replace(",", "")) for n in re.findall(r"-?\d+(?:\.\d+)?", cell)]


def plain(cell: str) -> str:
    return re.sub(r"[≈=*]", "", cell).strip()


def named(cell: str) -> str:
    return cell.rstrip(" †‡◇").strip("`")


def columns_of(slug, heads):
    """The key in the CSV of each head of the ranking, by titles of the registry."""
    view = VIEWS[plain_table(slug).section.track]
    from medtail.benchmark.boards.columns import column

    titles = {f"{column(k).title} (%)": k for k in view.page}
    titles |= {column(k).title: k for k in view.page if column(k).unit == "count"}
    return [titles.get(head, head) for head in heads]


@pytest.mark.parametrize("slug", SLUGS)
def test_every_number_is_the_boards(slug):
    """Of Markdown and of LaTeX, against the CSV, which other code writes."""
    lines, files = table_of(slug), made(slug)
    whole = rows(files["tables.md"], "**Results")
    merged = {}
    for head, *body in tabulars(files["tables.tex"]):
        if head[:2] == ["", "Method"]:
            for row in body:
                merged.setdefault(named(row[1]), []).extend(zip(head[2:], row[2:], strict=True))
    assert len(whole) - 1 == len(lines) == len(merged)
    for row in whole[1:]:
        name = named(row[1])
        in_latex = [plain(cell) for _, cell in merged[name]]
        assert in_latex == [plain(cell) for cell in row[2:]]
        _check_row(columns_of(slug, whole[0]), row, lines[name])


def _check_row(keys, row, line):
    place = numbers(row[0])
    assert place == ([float(line["rank"])] if line["rank"] else [])
    last = ""
    for key, cell in list(zip(keys, row, strict=True))[2:]:
        found = numbers(plain(cell))
        scale = 100
        if key == "95 % interval (%)":
            wanted = [line[f"{last}_low"], line[f"{last}_high"]]
        elif key == "Rank, 95 %":
            prefix = "" if last == next(k for k in keys[2:] if k in RANKING) else f"{last}_"
            wanted, scale = [line[f"{prefix}rank_low"], line[f"{prefix}rank_high"]], 1
            wanted = wanted[:1] if len(found) == 1 else wanted
        elif key == "Seeds":
            wanted, scale = [line["seeds"]], 1
        else:
            last, unit = key, key == "rare_found"
            half = key.endswith("_ci95")
            wanted = [line[f"{key}_mean"]] if half else [line[f"{key}_mean"], line[f"{key}_sd"]]
            scale = 1 if unit else 100
        known = [scale * float(w) for w in wanted if w]
        assert len(found) == len(known), (key, cell)
        assert found == pytest.approx(known, abs=0.05001), (key, cell)


RANKING = {view.primary for view in VIEWS.values()}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_number_of_a_class_is_the_boards(slug):
    view = VIEWS[plain_table(slug).section.track]
    lines = table_of(slug)
    whole = rows(made(slug)["tables.md"], " of each class on ")
    titles = {title: name for name, title in view.classes.items()}
    for row in whole[1:]:
        line = lines[named(row[0])]
        for head, cell in list(zip(whole[0], row, strict=True))[1:]:
            metric = titles[head.split()[-1]] if len(titles) > 1 else next(iter(view.classes))
            key = f"{metric}[{head.split()[0]}]"
            wanted = [100 * float(line[f"{key}_{part}"]) for part in ("mean", "sd")]
            assert numbers(plain(cell)) == pytest.approx(wanted, abs=0.05001)
    # A long one goes on in a second, under the same head; a wide one in others beside it.
    blocks = {}
    for head, *below in (t for t in tabulars(made(slug)["tables.tex"]) if "test" in t[0][-1]):
        blocks.setdefault(tuple(head), []).extend(below)
    first, *others = blocks.values()
    shown = [sum((o[k][1:] for o in others), row) for k, row in enumerate(first)]
    for mine, theirs in zip(shown, whole[1:], strict=True):
        assert list(map(plain, mine[1:])) == [plain(c) for c in theirs[1:]]


@pytest.mark.parametrize("slug", SLUGS)
def test_every_citation_has_its_entry_and_every_entry_is_cited(slug):
    files = made(slug)
    keys = set(entries(files["references.bib"]))
    given = re.findall(r"\\cite\{([^}]+)\}", files["methods.tex"])
    cited = {key for several in given for key in several.split(",")}
    assert cited == keys
    assert {"medtail", "tschandl2018ham10000"} <= keys
    markdown = set(re.findall(r"@([a-z0-9]+)(?=[;\]])", files["methods.md"]))
    assert markdown == keys


@pytest.mark.parametrize("slug", SLUGS)
def test_the_text_has_the_facts_of_the_records(slug):
    text = made(slug)["methods.md"]
    table = plain_table(slug)
    record = table.section.example
    for name, count in zip(record.class_names, record.class_counts, strict=True):
        assert f"{name} {count:,}" in text or not count or table.section.track == "one_class"
    for name, count in zip(table.section.names, record.support, strict=True):
        assert f"{name} {count:,}" in text
    terms, seeds = table.section.terms, table.section.seeds
    for fact in (
        record.provenance.commit,
        record.provenance.split_digest,
        f"`{terms.backbone}`",
        f"{terms.budget.epochs} epochs",
        f"batches of {terms.budget.batch_size}",
        f"`{terms.budget.precision}`",
        f"torch {record.provenance.versions['torch']}",
        f"{len(seeds)} seeds ({', '.join(map(str, seeds))})",
        "Not in the records",
    ):
        assert fact in text, fact
    if table.section.track == "long_tail":
        counts = record.class_counts
        assert f"an imbalance ratio of {max(counts) / min(counts):.1f}" in text


def test_every_term_and_every_column_has_its_words():
    assert cohort.AUGMENTED.keys() == set(get_args(Augmentation))
    assert cohort.NORMALISED.keys() == set(get_args(Normalisation))
    assert training.SELECTED.keys() == set(get_args(Selection))
    assert training.LAST.keys() == set(get_args(LastBatch))
    for view in VIEWS.values():
        assert {*view.page, *view.classes} <= measures.DEFINED.keys()


def test_items_are_those_of_the_guidelines():
    assert [item.number for item in CLAIM.items] == [str(n) for n in range(1, 45)]
    parts = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
    parts |= {20: "abc", 23: "ab", 27: "abc"}
    wanted = [f"{n}{part}" for n in range(1, 28) for part in parts.get(n, " ")]
    assert [item.number for item in TRIPOD.items] == [number.strip() for number in wanted]
    for item in (*CLAIM.items, *TRIPOD.items):
        assert item.topics or item.author == "all of it", item
        assert not (item.topics and item.author == "all of it"), item


def report(root: Path, finished, slug="fake@natural"):
    leaderboard.publish(root, finished)
    return pages.files(slug, sources.tables(root, [slug]))


def test_every_topic_of_an_item_is_told(tmp_path):
    report(tmp_path, [done(seed=s) for s in (0, 1)])
    (table,) = sources.tables(tmp_path, ["fake@natural"])
    topics = told(table, Library()).topics
    used = {t for item in (*CLAIM.items, *TRIPOD.items) for t in item.topics}
    assert used | {t for part in PARTS.values() for t in part} == topics.keys()


def test_what_is_not_known_is_said(tmp_path):
    text = report(tmp_path, [done(provenance=None)])["methods.md"]
    gaps = text.partition("**Not in the records.**")[2]
    for what in ("title, the licence", "commit and versions", "device and cost", "recipe of the"):
        assert what in gaps
    assert "commit" not in text.partition("**Not in the records.**")[0]
    assert "one seed" in text


def test_a_changed_fact_changes_its_sentence(tmp_path):
    base = Terms(data="fake@natural")
    budget = base.budget.model_copy(
        update={"schedule": "step", "milestones": (0.5, 0.75), "gamma": 0.2, "epochs": 7}
    )
    terms = base.model_copy(
        update={"budget": budget, "augment": "none", "pretrained": True, "selection": "last"}
    )
    text = report(tmp_path, [done(terms=terms)])["methods.md"]
    assert "took 7 epochs" in text
    assert "was multiplied by 0.2 after 50 % and 75 % of the epochs" in text
    assert "were not augmented" in text
    assert "pretrained weights that timm has" in text
    assert "which file the pretrained weights came from" in text
    assert "The last epoch was kept" in text


def test_failures_and_missing_seeds_are_told(tmp_path):
    finished = [done("erm", s) for s in (0, 1)] + [done("ldam", 0), failed("ldam", 1)]
    files = report(tmp_path, finished)
    assert "`ldam` finished 1, failed 1" in files["methods.md"]
    assert rows(files["tables.md"], "**Results")[2][-1] == "✗ 1 of 2"
    nothing = report(tmp_path / "b", [failed("erm")])
    assert "nothing finished" in nothing["methods.md"]


def test_equal_and_undecided_rows_are_marked(tmp_path):
    finished = [done("focal", s, params={"x": name}) for name in "ab" for s in (0, 1)]
    finished += [done("crt", s) for s in (0, 1)]
    head, *lines = rows(report(tmp_path, finished)["tables.md"], "**Results")
    assert [line[0] for line in lines] == ["1=", "2=", "3"]
    place = head.index("Rank, 95 %")
    assert [line[place] for line in lines] == ["1 to 3 ≈"] * 3, "the draws are of equal predictions"


@pytest.mark.parametrize(
    ("slug", "finished"),
    [
        ("fake@shot5", [few_shot(seed=s) for s in (0, 1)]),
        ("fake@oneclass", [one_class(seed=s) for s in (0, 1)]),
        ("fake@active", [active(seed=s) for s in (0, 1)]),
    ],
)
def test_every_track_has_its_report(tmp_path, slug, finished):
    files = report(tmp_path, finished, slug)
    assert all(files.values())
    assert VIEWS[sources.tables(tmp_path, [slug])[0].section.track].primary
    assert tabulars(files["tables.tex"])


ODD = ("a|b_<i>&", "50 % #1 {x}", "\\cmd$^~中")


def test_odd_names_are_shown_and_not_obeyed(tmp_path):
    finished = [done(seed=s, class_names=ODD, source="`x` \\input{y} | z") for s in (0, 1)]
    files = report(tmp_path, finished)
    head = next(t[0] for t in tabulars(files["tables.tex"]) if "test" in t[0][-1])
    squeezed = "".join("".join(head).split())
    for name in ODD:
        assert "".join(name.split()).replace("中", "U+4E2D") in squeezed
    assert r"\input{" not in files["methods.tex"]
    for text in (files["methods.md"], files["tables.md"], files["checklist.md"]):
        assert "<i>" not in text.replace("\\<", "")
    assert files == pages.files("fake@natural", sources.tables(tmp_path, ["fake@natural"]))


def test_several_boards_share_what_they_share(tmp_path):
    report(tmp_path, [few_shot(seed=s) for s in (0, 1)], "fake@shot5")
    one = Terms(data="fake@shot1")
    report(tmp_path, [few_shot(seed=s, terms=one) for s in (0, 1)], "fake@shot1")
    files = pages.files("both", sources.tables(tmp_path, ["fake@shot1", "fake@shot5"]))
    text = files["methods.md"]
    assert text.count("**Metrics.**") == 1
    assert text.count("**Data.**") == 2
    assert "## fake@shot1" in text
    assert "\\subsection*{fake@shot5}" in files["methods.tex"]
    assert "[fake@shot1]" in files["checklist.md"]
