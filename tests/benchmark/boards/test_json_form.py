"""The boards as JSON: what it holds, how it is laid out, and that rows can be run again."""

import json

import numpy as np
import pytest

from medtail.benchmark.boards import json_form
from medtail.benchmark.boards.columns import COLUMNS
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import Standing, compute
from medtail.benchmark.evidence.record import Stage, read_lines
from medtail.benchmark.grid.again import suite_text
from medtail.benchmark.grid.cell import Budget, Cell, Channels, Terms
from medtail.benchmark.grid.files import load
from medtail.benchmark.grid.suite import Suite
from medtail.datamodules.core.yaml_values import read
from tests import ROOT
from tests.boards import TERMS, active, done, failed, few_shot, one_class


def made(*finished, slug="fake@natural"):
    parts = sections([record for record, _ in finished])
    stored = {record.cell_id: scores for record, scores in finished if scores is not None}
    known = [compute(part, stored, "key") for part in parts]
    return json_form.document({slug: parts}, {slug: known}), known


def table(document):
    return document["boards"][0]["tables"][0]


@pytest.fixture(scope="module")
def long_tail():
    finished = [done(m, s) for m in ("erm", "focal") for s in (0, 1)] + [failed("focal", 2)]
    return made(*finished), [record for record, _ in finished]


def test_every_metric_of_a_row_has_its_seeds_mean_spread_and_interval(long_tail):
    (document, (standing,)), records = long_tail
    row = next(r for r in table(document)["rows"] if r["name"] == "erm")
    mine = [r for r in records if r.cell.method == "erm"]
    for name in ("macro_auc", "balanced_accuracy", "mcc", "ece"):
        values = [r.metrics[name] for r in mine]
        assert row["values"][name] == pytest.approx(values, abs=1e-6)
        mean, sd, low, high = row["metrics"][name]
        assert (mean, sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=1e-6)
        known = standing.rows["erm"].intervals.get(name)
        assert [low, high] == (list(known[1:]) if known else [None, None])
    assert row["metrics"]["balanced_accuracy"][2] is not None
    keys = {metric["key"] for metric in table(document)["metrics"]}
    defined = {c.key for c in COLUMNS if any(value_of(r, c) is not None for r in mine)}
    assert defined == set(row["metrics"]) == keys
    recall = row["classes"]["recall"][2]
    assert recall[0] == pytest.approx(np.mean([r.metrics["recall"][2] for r in mine]), abs=1e-6)
    assert recall[2:] == list(standing.rows["erm"].classes["recall"][2][1:])


def value_of(record, column):
    place = {"metrics": record.metrics, "balanced": record.balanced, "fitted": record.fitted}
    found = place.get(column.source, {}).get(column.name)
    return None if isinstance(found, list) else found


def test_what_a_row_is_and_what_became_of_its_seeds(long_tail):
    (document, (standing,)), records = long_tail
    rows = {r["name"]: r for r in table(document)["rows"]}
    assert rows["focal"]["failures"] == [
        {"seed": 2, "cell": records[-1].cell_id, "reason": "loss is nan"}
    ]
    assert not rows["focal"]["complete"]
    assert rows["focal"]["place"] is None
    assert [r["seed"] for r in rows["erm"]["records"]] == [0, 1]
    assert [r["cell"] for r in rows["erm"]["records"]] == [r.cell_id for r in records[:2]]
    known = standing.rows["erm"].summaries[0].model_dump(mode="json")
    assert rows["erm"]["summaries"][0] == known
    confusion = np.array(rows["erm"]["summaries"][0]["confusion"])
    assert confusion.sum(1).tolist() == [c["test"] for c in table(document)["classes"]]
    assert [c["train"] for c in table(document)["classes"]] == [50, 900, 10]
    assert [c["group"] for c in table(document)["classes"]] == ["tail", "head", "tail"]


def test_a_row_is_a_line_and_the_same_boards_give_the_same_text(long_tail):
    (document, _), _ = long_tail
    text = json_form.text(document)
    assert json.loads(text) == document
    lines = [json.loads(line.rstrip(",")) for line in text.splitlines() if '"records"' in line]
    assert [line["name"] for line in lines] == [r["name"] for r in table(document)["rows"]]
    again, _ = made(*[done(m, s) for s in (1, 0) for m in ("focal", "erm")], failed("focal", 2))
    assert json_form.text(again) == text


def test_numbers_have_six_digits(long_tail):
    (document, _), _ = long_tail

    def numbers(value):
        if isinstance(value, dict | list):
            for entry in value.values() if isinstance(value, dict) else value:
                yield from numbers(entry)
        elif isinstance(value, float):
            yield value

    found = list(numbers(document))
    assert len(found) > 100
    assert all(round(number, 6) == number for number in found)


def test_what_records_share_of_their_origin_stands_once():
    records = [done("erm", seed)[0] for seed in (0, 1)]
    other = records[1].provenance.model_copy(update={"platform": "elsewhere"})
    records[1] = records[1].model_copy(update={"provenance": other})
    found = table(made(*[(r, None) for r in records])[0])
    assert [e["platform"] for e in found["environments"]] == ["", "elsewhere"]
    assert [r["environment"] for r in found["rows"][0]["records"]] == [0, 1]
    same = table(made(done("erm", 0), done("erm", 1))[0])
    assert len(same["environments"]) == 1


def test_tracks_tell_their_own():
    few = table(made(few_shot(seed=0), few_shot(seed=1), slug="fake@shot5")[0])
    assert [c["name"] for c in few["classes"]] == ["akiec", "vasc", "df"]
    assert [c["train"] for c in few["classes"]] == [None, None, None]
    assert few["trained"][0] == {"name": "nv", "train": 4693}
    assert few["rows"][0]["classes"]["class_auc"][2] is None
    one = table(made(one_class(), slug="fake@oneclass")[0])
    assert one["primary"] == "auroc"
    assert "f1" not in {m["key"] for m in one["metrics"]}  # no seed has one
    act = table(made(active(seed=0), active(seed=1), slug="fake@active")[0])
    assert act["labelled"] == [100, 120, 140, 160]
    assert act["rows"][0]["rounds"]["rare_accuracy"][-1] == [0.5, 0.0, 0.5, 0.5]
    assert act["rows"][0]["picked"] == [9.0, 45.0, 6.0]
    assert [c["rare"] for c in act["classes"]] == [False, False, True]


def test_a_stage_tells_its_course_metric_by_metric():
    epochs = [{"train/loss": 1.23456, "val/macro_auc": None}, {"train/loss": 0.5}]
    stage = Stage(name="train", epochs=2, selected=1, history=tuple(epochs))
    record = done()[0].model_copy(update={"stages": (stage,)})
    (found,) = table(made((record, None))[0])["rows"][0]["records"][0]["stages"]
    assert found["history"] == {"train/loss": [1.2346, 0.5], "val/macro_auc": [None, None]}
    assert (found["name"], found["selected"]) == ("train", 1)


def test_methods_have_their_paper_and_their_card_where_there_is_one():
    parts = sections([done("erm")[0], done("no_such")[0]])
    known = [Standing(key="key", rows={}) for _ in parts]
    slug, card = "fake@natural", "../docs/cards/methods/erm.md"
    notes = {slug: [("Notes: erm", "../docs/erm.md")]}
    found = json_form.document({slug: parts}, {slug: known}, {}, notes, {"erm": card})
    assert found["methods"]["erm"]["card"] == card
    assert found["methods"]["erm"]["paper"].startswith("the baseline")
    assert found["methods"]["no_such"] == {"paper": "", "address": "", "card": ""}
    assert found["boards"][0]["notes"] == [{"title": "Notes: erm", "address": "../docs/erm.md"}]


def test_a_table_of_failures_alone_is_told():
    found = table(made(failed("erm", reason="out of memory"))[0])
    assert found["classes"] == []
    assert found["rows"][0]["failures"][0]["reason"] == "out of memory"


STEPS = Budget(schedule="step", milestones=(0.25, 1 / 3), gamma=0.2, warmup=0)
TUNED = Budget(layer_decay=0.5, clip=1.0, accumulate=2, ema=0.9)
BUDGET = Budget(epochs=3, lr=3e-5, optimizer="adamw", weight_decay=0.05, precision="32-true")


@pytest.mark.parametrize(
    ("method", "params", "terms"),
    [
        ("mixup", {"alpha": 0.35}, Terms(data="phantom@natural")),
        ("erm", {}, Terms(data="phantom@lt10", data_params={"count": 77}, image_size=(28, 36))),
        ("proco", {"tau": 0.2}, Terms(data="phantom@step5", budget=BUDGET, selection="last")),
        ("protonet", {}, Terms(data="phantom@shot1", test_episodes=7, budget=TUNED)),
        ("clinical", {}, Terms(data="phantom@active", acquire=3, rounds=4)),
        ("erm", {}, Terms(data="phantom@natural", test_episodes=5, augment="none", rounds=2)),
        ("crt", {}, Terms(data="phantom@lt10", normalisation="half", budget=STEPS)),
        ("erm", {}, Terms(data="phantom@lt10", normalisation=Channels(mean=[0.3], std=[1e-5]))),
    ],
)
def test_a_row_can_be_run_again_as_the_very_same_cells(tmp_path, method, params, terms):
    first = Suite.model_validate(
        {
            "methods": [{"name": method, "params": params}],
            "data": [{"name": terms.data, "params": terms.data_params}],
            "seeds": [0, 7],
            **terms.model_dump(
                exclude={"data", "data_params", "draw", "fold", "weights", "features"}
            ),
        }
    )
    cells = list(first.cells())
    path = tmp_path / "again.yaml"
    path.write_text(suite_text([cells[1], cells[0]]))
    found = list(load(str(path)).cells())
    assert [c.id for c in found] == [c.id for c in cells]
    assert [c.row for c in found] == [c.row for c in cells]


def test_words_that_yaml_would_read_as_something_else_stay(tmp_path):
    cell = Cell(
        method="erm", params={"a": "on", "b": "1e3", "c": None, "d": [1, "no"]}, terms=TERMS
    )
    assert read(suite_text([cell]))["methods"][0]["params"] == cell.params


def test_every_committed_row_can_be_run_again(tmp_path):
    folder = ROOT / "leaderboards" / "records"
    for path in sorted(folder.glob("*.jsonl")):
        for part in sections(read_lines(path)):
            for row in part.rows:
                cells = [r.cell for r in row.done + row.failed]
                (tmp_path / "again.yaml").write_text(suite_text(cells))
                found = load(str(tmp_path / "again.yaml")).cells()
                assert {c.id for c in found} == {c.id for c in cells}, row.name
