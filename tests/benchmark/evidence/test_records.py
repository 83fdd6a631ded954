"""Cells and records: identity, exact round trips, refusal of damaged or edited lines."""

import json

import pytest
from pydantic import ValidationError

from medtail.benchmark.evidence.record import (
    Cost,
    Record,
    parse,
    read,
    read_lines,
    write,
    write_lines,
)
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.datamodules.core.errors import MedtailError

TERMS = Terms(data="phantom@lt100")
NAN = float("nan")


def record(method="erm", seed=0, **changes):
    cell = Cell(method=method, seed=seed, terms=TERMS)
    cost = Cost(
        seconds=1.5, train_seconds=1, parameters=10, images=100, peak_mib=7.25, device="cpu"
    )
    values = {
        "status": "ok",
        "class_names": ("a", "b"),
        "class_counts": (9, 1),
        "support": (2, 2),
        "metrics": {"macro_auc": 0.1 + 0.2, "recall": [1 / 3, None], "classes_scored": 2},
        "cost": cost,
    }
    return Record(cell_id=cell.id, cell=cell, **{**values, **changes})


def test_what_older_records_do_not_say():
    """One process trained, and nothing was tried again."""
    kept = json.loads(record().model_dump_json())
    del kept["cost"]["devices"]
    assert "retried" not in kept["cost"], "nor do new ones, where it is so"
    cost = Record.model_validate(kept).cost
    assert (cost.devices, cost.retried) == (1, "")


def test_identity_is_of_the_values():
    cell = Cell(method="erm", terms=TERMS)
    assert cell.id == Cell(method="erm", params={}, seed=0, terms=Terms(data="phantom@lt100")).id
    others = [
        Cell(method="focal", terms=TERMS),
        Cell(method="erm", seed=1, terms=TERMS),
        Cell(method="erm", params={"gamma": 2}, terms=TERMS),
        Cell(method="erm", terms=Terms(data="phantom@natural")),
        Cell(method="erm", terms=Terms(data="phantom@lt100", budget=Budget(lr=0.2))),
        Cell(method="erm", terms=Terms(data="phantom@lt100", data_params={"size": 10})),
    ]
    assert len({cell.id, *(c.id for c in others)}) == 7


def test_a_label_names_the_row_and_is_no_part_of_the_identity():
    cell = Cell(method="mixup", terms=TERMS)
    named = Cell(method="mixup", label="mixup(alpha=0.2)", terms=TERMS)
    assert (cell.row, named.row) == ("mixup", "mixup(alpha=0.2)")
    assert cell.id == named.id


def test_identity_does_not_depend_on_defaults_being_written():
    written = Cell(method="erm", terms=Terms(**TERMS.model_dump()), params={}, seed=0)
    assert written.id == Cell(method="erm", terms=TERMS).id


def test_survives_a_file_exactly(tmp_path):
    records = [record("ldam"), record(seed=1), record(seed=0), record("crt", status="failed")]
    write_lines(tmp_path / "r.jsonl", records)
    found = read_lines(tmp_path / "r.jsonl")
    assert [(r.cell.method, r.cell.seed) for r in found] == [
        ("crt", 0),
        ("erm", 0),
        ("erm", 1),
        ("ldam", 0),
    ]
    assert sorted(found, key=lambda r: r.cell_id) == sorted(records, key=lambda r: r.cell_id)
    before = (tmp_path / "r.jsonl").read_bytes()
    write_lines(tmp_path / "r.jsonl", found[::-1])
    assert (tmp_path / "r.jsonl").read_bytes() == before
    assert read_lines(tmp_path / "absent.jsonl") == []


def test_an_edited_line_is_named(tmp_path):
    good = record().model_dump_json()
    values = json.loads(good)
    values["cell"]["seed"] = 9
    (tmp_path / "r.jsonl").write_text(f"{good}\n{json.dumps(values)}\n")
    with pytest.raises(MedtailError, match=r"r\.jsonl, line 2: .*edited"):
        read_lines(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    "change", [{"schema_number": 99}, {"status": "fine"}, {"surprise": 1}, {"cell_id": None}]
)
def test_other_schemas_are_refused(change):
    values = {**json.loads(record().model_dump_json()), **change}
    with pytest.raises(MedtailError, match="here"):
        parse(json.dumps(values), "here")
    with pytest.raises(MedtailError, match="here"):
        parse(record().model_dump_json()[:-20], "here")


def test_records_do_not_change():
    with pytest.raises(ValidationError):
        record().status = "failed"


def test_a_write_that_fails_leaves_the_old_text(tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    write(path, "old")
    monkeypatch.setattr(
        "pathlib.Path.write_text", lambda *_, **__: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(OSError, match="full"):
        write(path, "new")
    assert path.read_bytes() == b"old"


def test_what_could_not_be_read_back_replaces_nothing(tmp_path):
    path = tmp_path / "r.jsonl"
    write_lines(path, [record()])
    before = path.read_bytes()
    bad = record("ldam").model_copy(update={"class_counts": ("many",)})
    with pytest.raises(MedtailError, match=r"ldam on .*before it is written.*class_counts"):
        write_lines(path, [record(), bad])
    assert path.read_bytes() == before


def test_numbers_that_are_none_stay_readable(tmp_path):
    stage = {"name": "train", "epochs": 1, "selected": 0, "history": [{"val/macro_auc": NAN}]}
    made = record(
        metrics={"macro_auc": NAN, "recall": [1.0, NAN], "ece": float("inf")},
        fitted={"tau": NAN, "scale": 2.0},
        stages=(stage,),
        rounds=({"labelled": 3, "picked": (1, 2), "metrics": {"macro_auc": NAN}},),
    )
    assert made.metrics == {"macro_auc": None, "recall": [1.0, None], "ece": None}
    assert made.stages[0].history == ({"val/macro_auc": None},)
    assert made.fitted == {"tau": None, "scale": 2.0}
    assert made.rounds[0].metrics == {"macro_auc": None}
    write_lines(tmp_path / "records.jsonl", [made])
    assert read_lines(tmp_path / "records.jsonl") == [made]
    old = made.model_dump_json().replace('"tau":null', '"tau":NaN')
    assert parse(old, "written by hand") == made


def test_what_is_no_readable_record_says_why(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, why in (("folder", "a folder"), ("bytes", "codec can't decode"), ("none", "No such")):
        with pytest.raises(MedtailError, match=rf"{name}: no readable record \(.*{why}"):
            read(tmp_path / name)


def test_a_cell_that_stands_twice_is_refused_and_both_lines_are_named(tmp_path):
    """As git's union merge makes it: it would be two seeds of one spread 0."""
    path = tmp_path / "one.jsonl"
    write_lines(path, [record(), record(seed=1)])
    path.write_text(path.read_text() * 2)
    with pytest.raises(MedtailError, match=r"one\.jsonl, line 3: erm.* stands in line 1, too"):
        read_lines(path)


@pytest.mark.parametrize("key", ["lr", "weight_decay", "clip"])
@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_no_budget_has_a_number_that_no_record_can_keep(key, value):
    with pytest.raises(ValidationError, match=key):
        Budget(**{key: value})
