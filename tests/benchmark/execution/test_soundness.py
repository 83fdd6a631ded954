"""Evidence that is not what it says: found before training, with the file and what mends it."""

import io
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.execution import cleaning, soundness, standing, worker
from medtail.benchmark.execution.store import RECORD, Store
from medtail.benchmark.grid.suite import Suite
from medtail.benchmark.networks import network
from medtail.datamodules.core import derived
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell

OTHER = cell("erm", seed=1)


def check(store, cells):
    """Lines on networks."""
    console = Console(file=io.StringIO(), width=200)
    soundness.check_evidence(store, cells, console)
    return console.file.getvalue().splitlines()


@pytest.fixture
def made(store, outcome):
    """A folder of results with a good one."""
    store.write(outcome)
    return store, outcome.record.cell, store.folder(outcome.record.cell)


def edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def raised(values):
    values["metrics"]["macro_auc"] = 0.99


def recall(values):
    values["balanced"]["recall"][0] = 0.5 if values["balanced"]["recall"][0] != 0.5 else 0.25


def counts(values):
    values["class_counts"] = values["class_counts"][::-1]


def foreign(folder):
    """The record of another cell, whole."""
    text = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(
        json.dumps(text | {"cell": OTHER.model_dump(mode="json"), "cell_id": OTHER.id})
    )


def folder_instead(folder):
    (folder / RECORD).unlink()
    (folder / RECORD).mkdir()


def cut(name):
    def harm(folder):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])

    return harm


def columns(name):
    def harm(folder):
        pq.write_table(pa.table({"id": [1, 2], "logits": [3, 4]}), folder / name)

    return harm


def shuffled(folder):
    table = pq.read_table(folder / "predictions.parquet")
    order = [*range(1, len(table)), 0]
    changed = table.set_column(3, "logits", table["logits"].take(order))
    pq.write_table(changed, folder / "predictions.parquet")


HARM = {
    "metric": (lambda f: edit(f / RECORD, raised), "its macro_auc is 0.99, its predictions give"),
    "recall": (lambda f: edit(f / RECORD, recall), "its recall is"),
    "counts": (lambda f: edit(f / RECORD, counts), "its .* is .*, its predictions give"),
    "another cell": (foreign, "the record of another cell, erm on phantom@natural, seed 1"),
    "cut record": (cut(RECORD), r"no valid record"),
    "no text": (lambda f: (f / RECORD).write_bytes(b"\xff\xfe"), "no readable record"),
    "folder": (folder_instead, r"no readable record \(a folder\)"),
    "cut predictions": (cut("predictions.parquet"), "no readable predictions"),
    "other columns": (columns("predictions.parquet"), "no readable predictions"),
    "other validation": (columns("val.parquet"), "no readable predictions"),
    "shuffled": (shuffled, "computed from predictions"),
    "absent": (lambda f: (f / "predictions.parquet").unlink(), "no readable predictions"),
}


@pytest.mark.parametrize(("harm", "said"), HARM.values(), ids=HARM)
def test_what_cannot_be_believed_is_said_and_runs_again(harm, said, made, outcome):
    store, mine, folder = made
    assert check(store, [mine, OTHER]) == []
    harm(folder)
    with pytest.raises(MedtailError, match=said) as caught:
        check(store, [mine, OTHER])
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line
    assert "medtail clean --damaged --yes --out" in line
    assert check(store, [OTHER]) == [], "what is right stays usable"
    (found,) = soundness.damaged(store)
    kept = store.set_aside(found.folder)
    assert kept.parent.parent == store.root / "superseded"
    assert not store.done(mine)
    assert check(store, [mine]) == []
    store.write(outcome)
    assert store.done(mine)


@pytest.mark.parametrize("harm", ["another cell", "cut record", "folder"])
def test_a_result_that_arrives_is_kept_whatever_lies_there(harm, made, outcome):
    store, mine, folder = made
    HARM[harm][0](folder)
    store.write(outcome)
    assert store.done(mine)
    assert len(list((store.root / "superseded").glob("*/*"))) == 1
    HARM[harm][0](folder)
    store.write(outcome)
    assert len(list((store.root / "superseded").glob("*/*"))) == 2, "each stays"


def test_status_tells_it_among_the_others(made):
    store, _, folder = made
    suite = Suite.model_validate({"methods": ["erm"], "data": ["phantom@natural"], "seeds": [0, 1]})
    first, _ = suite.cells()
    text = json.loads((folder / RECORD).read_text())
    store.folder(first).mkdir(parents=True)
    (store.folder(first) / RECORD).write_text(
        json.dumps(text | {"cell": first.model_dump(mode="json"), "cell_id": first.id})
    )
    assert [s.state for s in standing.standings(suite, store)][1] == "missing"
    foreign(store.folder(first))
    found = standing.standings(suite, store)
    assert [s.state for s in found] == ["damaged", "missing"]
    assert "another cell" in found[0].words


def test_what_was_right_is_looked_at_once(made, monkeypatch):
    store, mine, folder = made
    monkeypatch.setattr(derived, "SETTLED", -1.0)
    asked = []
    real = soundness.refuted
    monkeypatch.setattr(soundness, "refuted", lambda *r: asked.append(1) or real(*r))
    for _ in range(3):
        check(store, [mine])
    assert len(asked) == 1
    edit(folder / RECORD, raised)
    with pytest.raises(MedtailError, match="macro_auc"):
        check(store, [mine])
    (store.root / ".checked.json").write_text("{[")
    with pytest.raises(MedtailError, match="macro_auc"):
        check(store, [mine])


@pytest.mark.parametrize("part", ["records", "predictions", "validation"])
def test_published_results_are_looked_at_too(part, tmp_path, outcome):
    mine = outcome.record.cell
    root = tmp_path / "boards"
    leaderboard.publish(root, [(outcome.record, outcome.test)], {mine.id: outcome.val})
    assert check(Store(tmp_path / "runs", root), [mine]) == []
    (path,) = (root / part).iterdir()
    if part == "records":
        edit(path, raised)
    else:
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MedtailError, match="restore it") as caught:
        check(Store(tmp_path / "runs", root), [mine])
    assert str(path) in str(caught.value)


def test_boards_refuse_numbers_that_predictions_do_not_give(tmp_path, outcome):
    leaderboard.publish(tmp_path, [(outcome.record, outcome.test)], {})
    (path,) = (tmp_path / "records").iterdir()
    edit(path, raised)
    with pytest.raises(MedtailError, match=r"phantom@natural\.jsonl: erm .*macro_auc is 0.99"):
        leaderboard.render(tmp_path)


def test_altered_statistics_are_made_anew(tmp_path, outcome):
    leaderboard.publish(tmp_path, [(outcome.record, outcome.test)], {})
    leaderboard.render(tmp_path)
    path = tmp_path / "statistics" / "phantom@natural.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"macro_auc":[0.', b'"macro_auc":[0.9'))
    assert path.read_bytes() != before
    with derived.collected() as said:
        leaderboard.render(tmp_path)
    assert path.read_bytes() == before
    assert [line.partition(": set")[0] for line in said] == [f"{path}: damaged or edited"]


def test_a_network_of_another_cell_is_told_and_not_applied(store):
    outcomes = [worker.run(store.job(c, 1)) for c in (cell("erm"), OTHER)]
    for one in outcomes:
        store.write(one)
    first, second = (store.folder(one.record.cell) for one in outcomes)
    assert check(store, [cell("erm"), OTHER]) == []
    for name in ("network.json", "network.safetensors"):
        shutil.copy(second / name, first / name)
    (line,) = check(store, [cell("erm"), OTHER])
    assert f"{first / 'network.json'}: not the network of the record beside it" in line
    with pytest.raises(MedtailError, match="not the network of erm on phantom@natural"):
        network.load(first)
    assert network.load(second).about.cell == OTHER
    orphans = cleaning.removable(store, ("networks",), "best", orphans=True)
    assert [part.paths[0].parent for part in orphans] == [first]
