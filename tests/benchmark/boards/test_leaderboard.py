"""Leaderboards: equal terms, means by hand, ranks, marks."""

import csv
import re

import numpy as np
import pytest
from rich.console import Console
from timm.optim import get_optimizer_info, list_optimizers

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.columns import column
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.terms import describe
from medtail.benchmark.evidence.record import Cost, Stage
from medtail.benchmark.grid.cell import Budget, Channels, Terms
from medtail.benchmark.grid.weights import Weights
from tests.boards import TERMS, board, done, failed, rows, with_value


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
    assert rows(front, "| Board")[1][-3] == "41.0 ± 1.0 `a`"
    assert rows(front, "## Overall")[-1] == ["`lucky`", "90.0 (1 of 3)", "n/a"]
    with (tmp_path / "fake@natural.csv").open() as file:
        assert [line["rank"] for line in csv.DictReader(file)] == ["1", "2", ""]
    console = Console(width=80, record=True, file=(tmp_path / "out").open("w"))
    console.print(leaderboard.terminal_tables([*steady, lucky])[0])
    assert "1/3" in console.export_text()


def test_momentum_is_a_term_only_where_the_optimizer_has_one():
    for name in list_optimizers():
        words = " ".join(describe(Terms(data="fake@natural", budget=Budget(optimizer=name))))
        assert ("momentum 0.9" in words) == get_optimizer_info(name).has_momentum, name


def test_a_schedule_and_a_normalisation_are_told_where_they_are_not_the_usual_ones():
    def words(normalisation="imagenet", **budget):
        terms = Terms(
            data="fake@natural", normalisation=normalisation, budget=Budget(warmup=0, **budget)
        )
        return "; ".join(describe(terms))

    usual = words()
    assert "rate" not in usual
    assert "normal" not in usual
    steps = words(schedule="step", milestones=[0.5, 0.75])
    assert "warm-up 0 %, rate x 0.1 after 50 % and 75 % of each stage, bf16" in steps
    assert "warm-up 0 %, constant rate, bf16" in words(schedule="constant")
    assert "symmetries augmentation, pixels from -1 to 1, test_resnet" in words("half")
    assert "mean and deviation of the training images" in words("dataset")
    given = Channels(mean=[0.5, 0.25, 0.125], std=[0.25] * 3)
    assert "by mean 0.5 / 0.25 / 0.125 and deviation 0.25 / 0.25 / 0.25, " in words(given)


def test_what_networks_start_from_and_how_they_are_tuned_is_told():
    def words(weights=None, pretrained=False, **budget):
        terms = Terms(data="fake@natural", pretrained=pretrained, budget=Budget(**budget))
        return describe(terms.model_copy(update={"weights": weights}))[0]

    usual = words()
    assert usual.endswith("test_resnet from scratch, 15 epochs x batch 128")
    assert "test_resnet pretrained, " in words(pretrained=True)
    given = Weights(kind="file", name="a|b.pt", sha256="57934424" * 8, place="/home/me")
    assert "test_resnet from file:a\\|b.pt (SHA-256 57934424), 15 epochs" in words(given)
    told = words(tune="head", clip=1.5, accumulate=4, ema=0.99)
    assert told.removeprefix(usual) == (
        ", backbone frozen, only what stands above it trained, gradient's norm up to 1.5, "
        "a step's batch in 4 parts, moving average 0.99 of the weights scored"
    )
    assert words(layer_decay=0.75).removeprefix(usual) == ", rate x 0.75 a layer downwards"


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
