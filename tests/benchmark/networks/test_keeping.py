"""Which networks stay, what they hold, and that nothing is lost on the way."""

import json
import stat

import pytest

from medtail.benchmark.evidence import record
from medtail.benchmark.execution import cleaning, worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.networks import description, finding, keeping
from medtail.benchmark.networks.network import load
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell
from tests.benchmark.networks.conftest import CELLS, SMALL


def seeds(folder):
    return sorted(a.cell.seed for a in keeping.networks_below(folder).values())


def with_values(runs, values):
    """Copies of the one-class network for seeds that reached some values on validation."""
    store, first = Store(runs), CELLS["mahalanobis"]
    found = record.read(store.folder(first) / "record.json")
    weights = (store.folder(first) / description.WEIGHTS).read_bytes()
    about = description.read(store.folder(first) / description.DESCRIPTION)
    for seed, value in enumerate(values):
        other = first.model_copy(update={"seed": seed})
        update = {"cell": other, "cell_id": other.id, "validation": value}
        store.folder(other).mkdir(exist_ok=True)
        (store.folder(other) / description.WEIGHTS).write_bytes(weights)
        made = about.model_copy(update=update)
        description.write(store.folder(other) / description.DESCRIPTION, made)
        text = record.text_of(found.model_copy(update={"cell": other, "cell_id": other.id}))
        record.write(store.folder(other) / "record.json", text)
    return store


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ((0.5, 0.7, 0.6), 1),
        ((0.5, 0.5, 0.4), 0),
        ((None, None, None), 0),
        ((None, 0.1, None), 1),
        ((-0.5, -0.2), 1),
    ],
)
def test_the_seed_that_is_best_on_validation_stays(values, best, runs):
    store = with_values(runs, values)
    before = seeds(runs)
    store.weed(CELLS["mahalanobis"])
    kept = keeping.networks_below(runs / "cells" / "phantom@oneclass")
    assert [a.cell.seed for a in kept.values()] == [best]
    assert all(load(folder) for folder in kept)
    assert len(seeds(runs)) == len(before) - len(values) + 1, "other rows are left alone"


def test_a_value_is_that_of_the_selection_on_validation_as_it_is_scored(trained):
    about = description.read(trained.folder(CELLS["erm"]) / description.DESCRIPTION)
    history = trained.read(CELLS["erm"]).stages[0].history[0]
    assert about.validation == pytest.approx(history["val/balanced_accuracy"], abs=0.02)
    last = description.read(trained.folder(CELLS["mahalanobis"]) / description.DESCRIPTION)
    assert last.validation is None


def test_the_record_names_the_networks_file(trained):
    for one in CELLS.values():
        folder = trained.folder(one)
        weights = folder / description.WEIGHTS
        assert trained.read(one).network == description.digest_of(weights)
        assert stat.S_IMODE(weights.stat().st_mode) == stat.S_IMODE(
            (folder / "record.json").stat().st_mode
        )


def test_what_is_written_holds_no_path_and_reads_back(trained, tmp_path):
    for one in CELLS.values():
        text = (trained.folder(one) / description.DESCRIPTION).read_text()
        assert str(tmp_path.parents[1]) not in text
        assert '"/' not in text
        about = description.read(trained.folder(one) / description.DESCRIPTION)
        description.write(tmp_path / "again.json", about)
        assert (tmp_path / "again.json").read_text() == text


@pytest.mark.parametrize("kept", [True, False])
def test_none_keeps_none_and_all_keeps_each(kept, tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1):
        one = cell("erm", seed=seed, **SMALL)
        outcome = worker.run(store.job(one, 1, kept))
        store.write(outcome)
        assert bool(store.read(one).network) == kept
    assert seeds(tmp_path) == ([0, 1] if kept else [])
    assert not list((tmp_path / "handed").glob("*"))


def test_another_training_of_a_cell_takes_the_old_network_away(runs):
    store, one = Store(runs), CELLS["erm"]
    store.write(worker.run(store.job(one, 1, keep=False)))
    assert store.done(one)
    assert not (store.folder(one) / description.WEIGHTS).exists()


def test_a_network_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(
        keeping, "hand_over", lambda *_: (_ for _ in ()).throw(OSError(28, "no space left"))
    )
    store = Store(tmp_path)
    outcome = worker.run(store.job(cell("erm", **SMALL), 1))
    assert outcome.record.status == "ok"
    assert outcome.record.network == ""
    assert "its network is not kept: [Errno 28] no space left" in outcome.note
    store.write(outcome)
    assert store.done(outcome.record.cell)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: (f / "network.safetensors").write_bytes(b"x"), "damaged, or of another cell"),
        (lambda f: (f / "network.safetensors").unlink(), r"network.safetensors is missing"),
        (lambda f: (f / "network.json").write_text("{"), "no readable description"),
        (lambda f: edit(f, format=9), "format 9 of a newer medtail"),
        (lambda f: edit(f, params=3), r"no description of a network \(params"),
        (lambda f: edit(f, cell_id="0" * 16), "edited, or of another medtail"),
        (lambda f: edit(f, method="ldam"), "do not fit the ldam of this medtail"),
    ],
)
def test_a_damaged_network_is_one_line(harm, said, runs):
    folder = Store(runs).folder(CELLS["erm"])
    harm(folder)
    with pytest.raises(MedtailError, match=said) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def edit(folder, **changes):
    path = folder / "network.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_row_is_found_by_its_name(runs):
    with_values(runs, (0.5, 0.7))
    find = lambda text: finding.find(text, runs)  # noqa: E731
    assert find("mahalanobis on phantom@oneclass").name.startswith("mahalanobis-s1")
    assert find("mahalanobis on phantom@oneclass, seed 0").name.startswith("mahalanobis-s0")
    folder = Store(runs).folder(CELLS["erm"])
    assert find(str(folder)) == find(str(folder / "network.json")) == folder
    for text, said in (
        ("mahalonobis on phantom@oneclass", "did you mean mahalanobis on phantom@oneclass"),
        ("mahalanobis on phantom@oneclass, seed 5", "no network of this seed is kept"),
        ("nowhere", "for a row write it as"),
        (str(runs), "no network there"),
    ):
        with pytest.raises(MedtailError, match=said):
            find(text)
    with pytest.raises(MedtailError, match="no network is kept there"):
        finding.find("erm on phantom@lt20", runs / "cells")


def test_cleaning_takes_networks_and_stages_and_nothing_else(runs, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(runs / "cache"))  # that of others may have orphans
    store = with_values(runs, (0.5, 0.7))
    evidence = {p: p.read_bytes() for p in runs.rglob("*") if p.name in ("record.json",)}
    evidence |= {p: p.read_bytes() for p in runs.rglob("*.parquet")}
    worse = cleaning.removable(store, ("networks",), "best")
    assert [part.name for part in worse] == ["mahalanobis on phantom@oneclass, seed 0"]
    every = cleaning.removable(store, cleaning.KINDS, "none")
    assert sum(part.size for part in every) == sum(
        p.stat().st_size
        for p in runs.rglob("*")
        if p.name.startswith("network.")
        or (p.suffix in (".pt", ".json") and p.parent.name == "stages")
    )
    assert any(part.kind == "stages" for part in every)
    cleaning.remove(every)
    assert not cleaning.removable(store, cleaning.KINDS, "none")
    assert {p: p.read_bytes() for p in evidence} == evidence
    assert list(cleaning.listing([])) == ["there is nothing to remove"]
