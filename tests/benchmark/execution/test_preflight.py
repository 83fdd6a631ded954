"""What is said before anything is trained: cells that make no sense, rules that cannot be."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from medtail.benchmark.execution import preflight, worker
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import stages
from medtail.datamodules.core.errors import MedtailError

PHANTOM = {"count": 300}


def cell(data: str, method: str = "erm", **terms) -> Cell:
    given = Terms(
        data=data, data_params=PHANTOM, image_size=(8, 8), budget=Budget(epochs=2), **terms
    )
    return Cell(method=method, terms=given)


def test_a_cell_that_makes_no_sense_is_said_and_left_out():
    console = Console(record=True, width=200)
    cells = [cell("phantom@natural"), cell("phantom@oneclass"), cell("phantom@shot1")]
    kept = preflight.applicable(cells, console)
    assert kept == [cells[0], cells[2]]
    said = console.export_text()
    assert "n/a: erm on phantom@oneclass: it learns from abnormal labels" in said
    assert said.count("n/a") == 1


def test_nothing_that_makes_sense_is_a_mistake():
    with pytest.raises(MedtailError, match="none of these methods"):
        preflight.applicable([cell("phantom@oneclass")], Console(quiet=True))


def test_binary_gives_labels_to_any_method():
    cells = [cell("phantom@binary5")]
    assert preflight.applicable(cells, Console(quiet=True)) == cells


def test_one_class_data_cannot_choose_an_epoch():
    with pytest.raises(MedtailError, match="selection: last"):
        preflight.check([cell("phantom@oneclass")], Console(quiet=True))
    preflight.check([cell("phantom@oneclass", selection="last")], Console(quiet=True))


def said(cells, devices=1) -> str:
    console = Console(record=True, width=300)
    preflight.check(cells, console, devices)
    return console.export_text()


def validated_on_one_class(selection):
    """A cell of this test alone, since prepared data is kept, and the name of the class."""
    asked = cell("phantom@natural", selection=selection, acquire=21)
    data = worker.prepared(asked.terms)
    rows = data.rows("val")
    data.plan = replace(data.plan, val=rows[data.target[rows] == 1])
    return asked, data.spec.class_names[1]


def test_validation_on_one_class_chooses_no_epoch_in_silence():
    asked, name = validated_on_one_class("best_balanced_accuracy")
    assert f"one class only: the epoch is chosen by the recall of {name}" in said([asked])
    asked, _ = validated_on_one_class("best_macro_auc")
    with pytest.raises(MedtailError, match=r"one class only, of which there is no AUC: write"):
        said([asked])
    asked, _ = validated_on_one_class("last")
    assert "one class" not in said([asked])
    assert "one class" not in said([cell("phantom@natural")])


def test_steps_too_small_for_the_devices_are_said_before_training():
    cells = [cell("phantom@natural")]
    said(cells, devices=4)
    with pytest.raises(MedtailError, match=r"erm on phantom@natural: batch_size 128 is not divi"):
        said(cells, devices=3)
    data = worker.prepared(cells[0].terms)
    data.keep(data.plan.train[:1])
    with pytest.raises(MedtailError, match="1 images a step are too few for 2 devices"):
        said(cells, devices=2)
    data.keep(data.plan.train)
    with pytest.raises(MedtailError, match="4 tasks a step are not divisible by 3 devices"):
        said([cell("phantom@shot1", "protonet")], devices=3)


def test_an_epoch_without_a_score_is_not_chosen(tmp_path):
    keeper = stages.Keeper(tmp_path / "x", "best_macro_auc", print)
    trainer = SimpleNamespace(
        callback_metrics={"val/macro_auc": float("nan")}, current_epoch=0, is_global_zero=True
    )
    with pytest.raises(MedtailError, match="val/macro_auc is undefined in epoch 1"):
        keeper.on_validation_end(trainer, torch.nn.Linear(1, 1))


def test_loader_workers_that_do_not_fit_into_shared_memory_are_left_out(monkeypatch):
    asked = cell("phantom@natural")
    asked = asked.model_copy(
        update={"terms": asked.terms.model_copy(update={"local": {"workers": 2}})}
    )
    assert "/dev/shm" not in said([asked])
    free = SimpleNamespace(free=5 * 128 * 8 * 8 * 3)
    monkeypatch.setattr("shutil.disk_usage", lambda place: free)
    assert "natural: /dev/shm is too small for what 2 loader workers hand over" in said([asked])
    data = worker.prepared(asked.terms)
    assert data.train_dataloader().num_workers == 0
    free.free += 1
    assert data.train_dataloader().num_workers == 2


def test_a_method_of_pretrained_networks_is_na_on_drawn_weights():
    drawn = cell("phantom@oneclass", "patchcore", selection="last")
    told = "it looks at a pretrained network: write weights, see docs/suites.md"
    assert preflight.refusals([drawn]) == {drawn: told}
    plain = cell("phantom@oneclass", "padim", selection="last")
    assert preflight.refusals([plain]) == {plain: ""}
