"""Boards of the tracks beside the long tail: numbers by hand, their facts, nothing mixed."""

import csv
import itertools
import re

import numpy as np
import pytest

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.columns import COLUMNS, VIEWS, column, headline, track
from medtail.benchmark.boards.curve_plot import spread
from medtail.benchmark.boards.section import sections
from medtail.benchmark.grid.cell import Terms
from tests.boards import (
    ACTIVE,
    FEW,
    ONE,
    active,
    board,
    done,
    failed,
    few_shot,
    files,
    one_class,
    rows,
)

MADE = {"few_shot": few_shot, "one_class": one_class, "active": active}
SLUGS = {"few_shot": FEW.data, "one_class": ONE.data, "active": ACTIVE.data}
TERMS = {"few_shot": FEW, "one_class": ONE, "active": ACTIVE}


def head(root, slug):
    with (root / f"{slug}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", MADE)
def test_failed_and_missing_seeds_are_shown_and_not_ranked(name, tmp_path):
    made = MADE[name]
    finished = [made("steady", s, v) for s, v in enumerate((0.5, 0.6, 0.7))]
    finished += [made("shaky", s, 0.9) for s in (0, 1)] + [failed("shaky", 2, TERMS[name], "a | b")]
    finished += [made("lucky", 1, 0.95), failed("broken", 0, TERMS[name])]
    page = board(tmp_path, finished, SLUGS[name])
    table = rows(page, "ranked by")
    assert [(line[0], line[1], line[-1]) for line in table[1:]] == [
        ("1", "`steady`", "3"),
        ("-", "`lucky`", "1 of 3"),
        ("-", "`shaky`", "✗ 1 of 3"),
        ("-", "`broken`", "✗ 1 of 1"),
    ]
    assert r"- ✗ `shaky`, seed 2: a \| b" in page
    assert "**9" not in page
    assert (tmp_path / f"{SLUGS[name]}.png").read_bytes()[:4] == b"\x89PNG"
    assert [line["rank"] for line in head(tmp_path, SLUGS[name])] == ["1", "", "", ""]


@pytest.mark.parametrize("name", MADE)
def test_the_same_records_give_the_same_bytes(name, tmp_path):
    finished = [MADE[name](m, s, 0.5 + s / 10) for m in ("a", "b") for s in range(3)]
    finished += [failed("c", 0, TERMS[name])]
    board(tmp_path, finished, SLUGS[name])
    before = files(tmp_path)
    assert len({p.suffix for p in before}) == 7
    board(tmp_path, finished[::-1], SLUGS[name])
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", MADE)
def test_one_seed_has_no_spread(name, tmp_path):
    page = board(tmp_path, [MADE[name]("a", 0, 0.5), MADE[name]("b", 0, 0.4)], SLUGS[name])
    assert " ± " not in "".join(itertools.chain(*rows(page, "ranked by")))
    assert (tmp_path / f"{SLUGS[name]}.png").exists()


@pytest.mark.parametrize("name", MADE)
def test_nothing_finished_has_no_picture(name, tmp_path):
    page = board(tmp_path, [failed("a", 0, TERMS[name])], SLUGS[name])
    assert "✗ `a`, seed 0" in page
    assert not (tmp_path / f"{SLUGS[name]}.png").exists()


def test_few_shot_by_hand(tmp_path):
    values = (0.5, 0.6, 0.8)  # mean 0.6333, deviation 0.1528
    finished = [few_shot("maml", s, v) for s, v in enumerate(values)]
    finished += [few_shot("erm", s, 0.55) for s in range(3)]
    page = board(tmp_path, finished, FEW.data)
    table = rows(page, "ranked by AUC")
    assert table[0][1:8] == [
        *("Method", "AUC", "95 % interval", "Rank, 95 %", "95 %, episodes", "Accuracy"),
        "AUC, first 30 episodes",
    ]
    # Without predictions nothing can be drawn anew.
    none = ["n/a", "-"]
    assert table[1][1:7] == ["`maml`", "**63.3 ± 15.3**", *none, "± 1.2", "**58.3 ± 15.3**"]
    assert table[2][1:7] == ["`erm`", "55.0 ± 0.0", *none, "± 1.2", "50.0 ± 0.0"]
    per_class = rows(page, "AUC and recall of each class")
    assert per_class[0][1:4] == [
        *("akiec<br>test 327<br>AUC", "vasc<br>test 142<br>AUC", "df<br>test 115<br>AUC")
    ]
    assert per_class[1][1:] == [
        *("**63.3 ± 15.3**", "**73.3 ± 15.3**", "n/a"),
        *("**50.0 ± 0.0**", "**60.0 ± 0.0**", "**70.0 ± 0.0**"),
    ]
    line = head(tmp_path, FEW.data)[0]
    assert float(line["episode_auc_mean"]) == pytest.approx(np.mean(values), abs=1e-6)
    assert float(line["episode_auc_sd"]) == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert float(line["episode_auc_ci95_mean"]) == pytest.approx(0.012)
    assert line["class_auc[df]_mean"] == ""
    assert float(line["recall[df]_mean"]) == pytest.approx(0.7)


def test_few_shot_says_what_an_episode_is(tmp_path):
    page = board(tmp_path, [few_shot(seed=s) for s in (0, 1)], FEW.data)
    assert "6,599 images of the 4 common classes (nv 4,693, mel 778, bkl 769, bcc 359)" in page
    assert "akiec 327, vasc 142, df 115 images" in page
    assert "600 episodes, the same for all methods and seeds: 2 of the 3 rare classes; 5 la" in page
    assert "then up to 15 of each to classify" in page
    assert "Chance is 50 % AUC and 50 % accuracy" in page
    assert "over the episodes of one seed" in page
    assert re.search(r"^## .* 600 test episodes", page, re.MULTILINE)
    every = FEW.model_copy(update={"data": "fake@shot1all", "test_episodes": 50})
    page = board(tmp_path, [few_shot(terms=every)], every.data)
    assert "50 episodes, the same for all methods and seeds: all 3 rare classes; 1 labelled" in page
    assert "33 % accuracy" in page
    rest = FEW.model_copy(update={"data": "fake@shot1rest", "test_episodes": 3})
    made = few_shot(terms=rest, metrics={"episode_class_average": 0.4321})
    page = board(tmp_path, [made], rest.data)
    told = "all their other images to classify", "33 % class average", "| Class average |", "43.2"
    assert [words for words in told if words not in page] == []


def test_other_numbers_of_episodes_and_rare_classes_never_share_a_table():
    fewer = FEW.model_copy(update={"test_episodes": 50})
    other = few_shot("crt", scored_names=("akiec", "vasc", "mel"))
    drawn = few_shot("mixup", metrics={"episode_list": 7})
    records = [few_shot("erm")[0], few_shot("ldam", terms=fewer)[0], other[0], drawn[0]]
    assert len(sections(records)) == 4


def test_one_class_by_hand(tmp_path):
    finished = [one_class("svdd", s, v) for s, v in enumerate((0.7, 0.8))]
    finished += [one_class("erm", s, 0.9, fitted={"withheld_labels": 2312.0}) for s in (0, 1)]
    page = board(tmp_path, finished, ONE.data)
    table = rows(page, "ranked by AUROC")
    assert table[0][2:] == [
        *("AUROC", "95 % interval", "Rank, 95 %", "AUPRC", "Sensitivity at 95 % specificity"),
        *("Specificity reached", "F1", "Seeds"),
    ]
    assert table[1][1:6] == ["`erm` ‡", "**90.0 ± 0.0**", "n/a", "-", "**70.0 ± 0.0**"]
    assert table[2][1:6] == ["`svdd`", "75.0 ± 7.1", "n/a", "-", "55.0 ± 7.1"]
    assert table[2][8] == "n/a"
    assert "`erm` saw 2,312 abnormal labels." in page
    assert "4,693 images of the given class nv, alone" in page
    assert "Tested on 1,341 nv and 466 abnormal images (mel 223, bkl 220, df 23)" in page
    assert "Prevalence 33.0 %" in page
    assert rows(page, "AUROC of each class")[2] == ["`svdd`", "75.0 ± 7.1", "80.0 ± 7.1", "n/a"]
    assert "Identity" not in page


def test_the_identity_control_is_shown_where_a_row_has_it(tmp_path):
    control = one_class("pairs", 0, 0.7, fitted={"identity_auroc": 0.503})
    page = board(tmp_path, [control, one_class("erm", 0, 0.6)], ONE.data)
    table = rows(page, "ranked by")
    place = table[0].index("Identity AUROC")
    assert [line[place] for line in table[1:]] == ["50.3", "n/a"]
    assert "should lie near 50 %" in page


def test_few_abnormal_labels_are_said(tmp_path):
    terms = Terms(data="fake@binary20")
    page = board(tmp_path, [one_class(terms=terms, class_counts=(4680, 234))], terms.data)
    assert "and 234 abnormal ones with their label" in page


def test_active_by_hand(tmp_path):
    # From 0.1 in four trainings to 0.4 and 0.7: the rounds after the first average 0.3 and 0.5.
    finished = [active("badge", s, v) for s, v in enumerate((0.4, 0.7))]
    finished += [active("erm", s, 0.4, picks=(10, 9, 1)) for s in (0, 1)]
    page = board(tmp_path, finished, ACTIVE.data)
    table = rows(page, "ranked by rare accuracy, area")
    place = table[0].index("Rare images found")
    # Student's t of one degree of freedom, 12.71 times 14.14 / sqrt(2): all that a share can be.
    assert table[1][1:4] == ["`badge`", "**40.0 ± 14.1**", "0.0 to 100.0"]
    assert table[1][5] == "**55.0 ± 21.2**"
    assert [line[place] for line in table[1:]] == ["**6.0 ± 0.0**", "3.0 ± 0.0"]
    course = rows(page, "### Rare accuracy by labelled images")
    assert course[0] == ["Method", "100", "120", "140", "160"]
    assert course[1] == ["`badge`", "10.0 ± 0.0", "25.0 ± 7.1", "40.0 ± 14.1", "55.0 ± 21.2"]
    chosen = rows(page, "### Images chosen of each class")
    assert chosen[0] == ["Method", "df<br>rare", "nv", "mel"]
    assert chosen[2] == ["`erm`", "3.0 ± 0.0", "27.0 ± 0.0", "30.0 ± 0.0"]
    assert "100 labelled images at the start, 160 at the end: 4 trainings" in page
    assert "Rare classes, which are sought: df." in page
    assert re.search(r"^## .* 20 images x 3 rounds", page, re.MULTILINE)
    assert "Who beats whom" not in page  # two seeds tell nothing


@pytest.mark.parametrize(("seeds", "words"), [(3, "take it as a hint"), (6, "share of rounds")])
def test_who_beats_whom(seeds, words, tmp_path):
    finished = [active("good", s, 0.8 + s / 50) for s in range(seeds)]
    finished += [active("bad", s, 0.3 + s / 100) for s in range(seeds)] + [failed("x", 0, ACTIVE)]
    page = board(tmp_path, finished, ACTIVE.data)
    assert words in page
    table = rows(page, "### Who beats whom")
    share = "1.00"  # the first training, which is the same for all, does not count
    assert table[1:] == [
        ["1", "`good`", "", share],
        ["2", "`bad`", "0.00", ""],
        ["", "is beaten", "0.00", share],
    ]


def test_what_was_found_grows_with_the_choices():
    (section,) = sections([active("a", s, picks=(0, 17 - s, 3 + s))[0] for s in (0, 1)])
    (row,) = section.rows
    assert section.rare == (2,)
    found = [row.picked(section.rare, number) for number in range(4)]
    assert [s.mean for s in found] == [0, 3.5, 7, 10.5]
    assert found[1].sd == pytest.approx(np.std([3, 4], ddof=1))


def test_what_is_undefined_in_a_round_is_not_averaged(tmp_path):
    record, _ = active("a", 0, 0.5)
    gone = record.rounds[1].model_copy(update={"metrics": {"rare_accuracy": None}})
    torn = record.model_copy(update={"rounds": (record.rounds[0], gone, *record.rounds[2:])})
    page = board(tmp_path, [(torn, None), active("a", 1, 0.5)], ACTIVE.data)
    course = rows(page, "### Rare accuracy by labelled images")[1]
    assert course[2] == "n/a"
    assert course[1].startswith("10.0")


def test_an_active_row_may_train_on_what_it_labelled():
    usual = sum(n // min(n, 128) * min(n, 128) for n in (100, 120, 140, 160)) * 15
    for images, marked in ((usual, False), (2 * usual, True)):
        record, _ = active("a", 0, 0.5)
        cost = {"seconds": 1, "train_seconds": 1, "parameters": 1, "peak_mib": 1, "device": "cpu"}
        one = type(record).model_validate(record.model_dump() | {"cost": cost | {"images": images}})
        (section,) = sections([one])
        assert bool(section.rows[0].extras) == marked


def test_tracks_never_share_a_table(tmp_path):
    finished = [made(m, 0, 0.6) for made in MADE.values() for m in ("a", "b")]
    finished += [done(m) for m in ("a", "b")]
    leaderboard.publish(tmp_path, finished)
    leaderboard.render(tmp_path)
    front = (tmp_path / "README.md").read_text()
    parts = re.split(r"^## ", front, flags=re.MULTILINE)[1:]
    assert [part.splitlines()[0] for part in parts] == [
        *("Long tail", "Few-shot", "One-class", "Active", "How to read it")
    ]
    slugs = ["fake@natural", FEW.data, ONE.data, ACTIVE.data]
    for part, mine in zip(parts, slugs, strict=False):
        assert re.findall(r"\]\((\S+)\.md\)", part) == [mine]
        assert rows(part, "### Overall")[0][:3] == ["Method", mine, "Mean rank"]
    assert parts[4].count("**Few-shot**") == parts[4].count("**Active**") == 1
    for name, slug in zip(VIEWS, slugs, strict=True):
        wanted = [c.key for c in COLUMNS if name in c.tracks]
        shown = [h for h in head(tmp_path, slug)[0] if h.endswith("_mean") and "[" not in h]
        assert shown == [f"{key}_mean" for key in wanted]
        assert track(slug) == name
        keys = {"episode_auc", "auroc", "auprc", "rare_accuracy_area", "macro_auc", "class_auc[df]"}
        mine = {
            "long_tail": {"macro_auc"},
            "few_shot": {"episode_auc", "class_auc[df]"},
            "one_class": {"auroc", "auprc"},
            "active": {"rare_accuracy_area", "macro_auc"},
        }
        assert {key for key in keys if f"{key}_mean" in head(tmp_path, slug)[0]} == mine[name]


def test_every_view_shows_columns_of_its_track():
    for name, view in VIEWS.items():
        for key in (*view.page, *view.terminal, view.primary, view.second):
            assert name in column(key).tracks, (name, key)
    assert len({(c.key, t) for c in COLUMNS for t in c.tracks}) == sum(
        len(c.tracks) for c in COLUMNS
    )


def test_headlines():
    assert headline(few_shot(auc=0.75)[0]) == "AUC 0.750, accuracy 0.700"
    assert headline(one_class(auroc=0.7)[0]) == "AUROC 0.700, AUPRC 0.500"
    assert headline(active(final=0.4)[0]).startswith("rare accuracy, area 0.300, balanced accur")
    assert headline(one_class(metrics={"auprc": None})[0]) == "AUROC 0.700, AUPRC n/a"
    record = done()[0]
    assert headline(record) == (
        f"balanced accuracy {record.metrics['balanced_accuracy']:.3f}, "
        f"AUC {record.metrics['macro_auc']:.3f}"
    )


@pytest.mark.parametrize("values", [[], [3.0], [1.0, 1.0, 1.0], [9.9, 9.9, 10.0], [0.0, 5.0, 10]])
def test_labels_are_spread(values):
    places = spread(values, 1.0, 0.0, 10.0)
    assert all(b - a >= 1 - 1e-9 for a, b in itertools.pairwise(places))
    assert all(0 <= p <= 10 for p in places)
    assert spread([2.0, 5.0], 1.0, 0.0, 10.0) == [2.0, 5.0]
