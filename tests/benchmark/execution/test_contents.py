"""A result stands while its data and its method are what they were; else its cell runs again."""

from dataclasses import replace

import pytest

from medtail import datamodules
from medtail.benchmark.evidence.published import Published, publish
from medtail.benchmark.execution import contents, renewal, worker
from medtail.benchmark.execution.store import Store
from tests.benchmark.cells import cell


@pytest.fixture
def now(outcome, monkeypatch):
    """Sets what the data and the code are now."""

    def becomes(**changes):
        found = outcome.record.content.model_copy(update=changes)
        monkeypatch.setattr(contents, "now", lambda _: found)

    becomes()
    return becomes


def test_a_cell_keeps_what_it_was_computed_from(outcome):
    data = worker.prepared(outcome.record.cell.terms)
    assert outcome.record.content == contents.of(outcome.record.cell, data.content)
    assert outcome.record.validation == outcome.val.digest


@pytest.mark.parametrize(
    ("part", "said"),
    [("data", "labels, groups or splits"), ("pixels", "another version"), ("method", "of erm")],
)
def test_what_changed_runs_again_and_is_said(store, outcome, now, part, said):
    store.write(outcome)
    mine = outcome.record.cell
    assert store.done(mine)
    assert not list(renewal.reasons(store, [mine]))
    now(**{part: "other"})
    assert not store.done(mine)
    first, *more = renewal.reasons(store, [mine])
    assert said in first
    assert str(mine) in first
    assert bool(more) == (part == "pixels")
    assert store.finished([mine]) == []


def test_data_that_was_decoded_is_known_and_other_data_is_not(outcome, monkeypatch, tmp_path):
    mine = outcome.record.cell
    terms = mine.terms
    datamodules.build(terms.data, terms.image_size, **terms.arguments).prepare()
    contents._here.cache_clear()
    assert contents.now(mine) == outcome.record.content
    contents._here.cache_clear()
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "none"))
    assert contents.now(mine) is None
    assert not list((tmp_path / "none").rglob("*.npy")), "nothing was decoded for it"
    contents._here.cache_clear()


def test_shared_code_is_said_and_stands(store, outcome, now, monkeypatch):
    store.write(outcome)
    mine = outcome.record.cell
    assert renewal.older(store, [mine]) == []
    monkeypatch.setattr(renewal, "shared_digest", lambda: "other")
    assert store.done(mine)
    assert renewal.older(store, [mine]) == [mine]
    assert "--refresh" in renewal.of_older(store, [mine])


def test_data_that_is_not_here_is_not_compared(store, outcome, monkeypatch):
    store.write(outcome)
    monkeypatch.setattr(contents, "now", lambda _: None)
    assert store.done(outcome.record.cell)


def test_a_record_without_contents_runs_again(store, outcome, now):
    old = outcome.record.model_copy(update={"content": None})
    store.write(replace(outcome, record=old))
    assert "does not say" in store.changed(old.cell)


def test_a_new_result_sets_the_old_one_aside(store, outcome, now):
    store.write(outcome)
    now(data="other")
    content = outcome.record.content.model_copy(update={"data": "other"})
    store.write(replace(outcome, record=outcome.record.model_copy(update={"content": content})))
    assert store.done(outcome.record.cell)
    aside = list((store.root / "superseded").rglob("record.json"))
    assert [p.read_text() for p in aside] == [outcome.record.model_dump_json(indent=1) + "\n"]
    assert (aside[0].parent / "predictions.parquet").exists()


def test_a_failure_on_changed_data_loses_nothing(store, outcome, now):
    store.write(outcome)
    now(data="other")
    store.write(worker.failed(outcome.record.cell, ValueError("later")))
    assert store.read(outcome.record.cell).status == "failed"
    assert len(list((store.root / "superseded").rglob("predictions.parquet"))) == 1


def test_what_is_published_is_done_wherever_its_folder_went(tmp_path, outcome, now):
    mine = outcome.record.cell
    boards = tmp_path / "boards"
    publish(boards, [(outcome.record, outcome.test)], {mine.id: outcome.val})
    store = Store(tmp_path / "new", boards)
    assert store.done(mine)
    assert not store.done(cell(seed=1))
    assert store.predictions(mine).digest == outcome.test.digest
    assert store.validation(mine).digest == outcome.val.digest
    [(record, scores)] = store.finished([mine])
    assert (record, scores.digest) == (outcome.record, outcome.test.digest)
    assert not Store(tmp_path / "new").done(mine)
    now(pixels="other")
    assert not store.done(mine)


def test_an_own_result_of_the_data_of_now_comes_before_a_published_one(tmp_path, outcome, now):
    boards, mine = tmp_path / "boards", outcome.record.cell
    publish(boards, [(outcome.record, outcome.test)])
    store = Store(tmp_path / "runs", boards)
    now(data="other")
    content = outcome.record.content.model_copy(update={"data": "other"})
    own = outcome.record.model_copy(update={"content": content})
    store.write(replace(outcome, record=own))
    assert store.read(mine).content == content
    now()
    assert store.read(mine) == outcome.record


def test_validation_of_another_result_is_not_published(tmp_path, outcome):
    mine = outcome.record.cell
    other = replace(outcome.val, logits=outcome.val.logits[::-1])
    publish(tmp_path, [(outcome.record, outcome.test)], {mine.id: other})
    assert Published(tmp_path).predictions(mine, "validation") is None
    assert Published(tmp_path).predictions(mine).digest == outcome.test.digest
