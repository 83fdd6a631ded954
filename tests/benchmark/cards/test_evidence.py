"""Costs and results of cards: those of the boards."""

import re
from statistics import mean, median, stdev

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.section import sections
from medtail.benchmark.cards import evidence as card_evidence
from medtail.benchmark.cards import method_pages
from medtail.benchmark.cards.docstrings import parse
from medtail.benchmark.grid.cell import Terms
from tests.boards import COST, ONE, TERMS, done, failed, one_class, with_value


def costed(method, seed, seconds, parameters=10, images=100, **changes):
    cost = COST.model_copy(
        update={
            "train_seconds": seconds,
            "parameters": parameters,
            "images": images,
            "device": changes.pop("device", "cpu"),
            "devices": changes.pop("devices", 1),
        }
    )
    return done(method, seed, cost=cost, **changes)[0]


def test_the_plain_method_changes_nothing():
    assert card_evidence.plain_method() == "erm"


def test_cost_is_relative_to_the_same_table_and_seed():
    other = Terms(data="fake@lt100")
    first = [
        costed("erm", 0, 10.0),
        costed("erm", 1, 20.0),
        costed("erm", 2, 40.0),
        costed("focal", 0, 30.0, 15, 200),
        costed("focal", 1, 20.0, 15, 200),
        costed("focal", 2, 20.0, 15, 200),
        costed("focal", 3, 999.0),  # no such seed of the plain method
        failed("ldam", 0)[0],
    ]
    second = [
        costed("erm", 0, 100.0, terms=other),
        costed("focal", 0, 400.0, 10, 300, terms=other),
        costed("focal", 0, 50.0, terms=other, params={"gamma": 1.0}),
        costed("mixup", 0, 50.0, terms=other, device="a GPU"),
        costed("remix", 0, 50.0, terms=other, devices=2),
    ]
    third = [costed("focal", 0, 7.0, terms=Terms(data="fake@step50"))]  # no plain method
    tables = [s for part in (first, second, third) for s in sections(part)]
    found = card_evidence.costs(tables, "erm")
    by_table = [median([30 / 10, 20 / 20, 20 / 40]), 400 / 100]
    ratio = found["focal"]["focal"]
    assert ratio.seconds == median(by_table) == 2.5
    assert (ratio.low, ratio.high) == (0.5, 4.0)
    assert ratio.parameters == median([15 / 10, 10 / 10])
    assert ratio.images == median([200 / 100, 300 / 100])
    assert ratio.tables == 2
    assert found["focal"]["focal(gamma=1.0)"].seconds == 0.5
    assert found["erm"]["erm"][:3] == (1.0, 1.0, 1.0)
    assert found.keys() == {"focal", "erm"}


def test_results_are_those_of_the_boards(tmp_path):
    made = {m: [done(m, s) for s in (0, 1)] for m in ("erm", "ldam")}
    scores = {m: [100 * r.metrics["balanced_accuracy"] for r, _ in made[m]] for m in made}
    first = max(scores, key=lambda m: mean(scores[m]))
    leaderboard.publish(
        tmp_path, [*made["erm"], *made["ldam"], failed("focal"), failed("focal", 1)]
    )
    more = [one_class("knn", s, 0.7, terms=ONE) for s in (0, 1)]
    leaderboard.publish(tmp_path, more)
    leaderboard.render(tmp_path)
    boards = list(card_evidence.boards(tmp_path))
    found = card_evidence.results(boards)
    assert found.keys() == {"erm", "ldam", "focal", "knn"}
    (ldam,) = found["ldam"]
    standing = boards[0].standings[0].rows["ldam"]
    low, high = standing.intervals["balanced_accuracy"][1:]
    value = f"{mean(scores['ldam']):.1f} ± {stdev(scores['ldam']):.1f}"
    assert ldam[:5] == ("fake@natural", 0, "ldam", "balanced accuracy", value)
    assert ldam.interval == f"{100 * low:.1f} to {100 * high:.1f}"
    ranks = {m: f"{1 if m == first else 2} of 2" for m in made}
    assert ldam.rank == ranks["ldam"]
    assert [int(n) for n in re.findall(r"\d+", ldam.ranks)] == sorted(
        set(standing.ranks["balanced_accuracy"])
    )
    assert found["erm"][0].rank == ranks["erm"]
    assert (found["focal"][0].value, found["focal"][0].rank) == ("✗", "-")
    assert found["knn"][0].metric == "AUROC"
    text = method_pages.page("ldam", parse("ldam"), "erm", {}, found["ldam"], "../up")
    assert f"| [fake@natural](../up/fake@natural.md) | `ldam` | balanced accuracy | {value}" in text


def test_rows_of_other_tables_and_parameters_have_their_own_lines():
    terms = (TERMS, TERMS.model_copy(update={"backbone": "other"}))
    records = [with_value(0.5, "ldam", terms=t) for t in terms]
    records += [with_value(0.4, "ldam", params={"drw": False, "scale": 30.0})]
    parts = sections(records)
    board = card_evidence.Board(
        "fake@natural", parts, [card_evidence.Standing(key="", rows={}) for _ in parts]
    )
    lines = card_evidence.results([board])["ldam"]
    assert [(r.table, r.variant) for r in lines] == [
        (1, "ldam"),
        (1, "ldam(drw=False)"),
        (2, "ldam"),
    ]
