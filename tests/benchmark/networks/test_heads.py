"""Heads on frozen features: kept, loaded, applied to images, or to features of one's own."""

import numpy as np
import pytest
import torch

from medtail import methods
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.features.standing_in import compute
from medtail.benchmark.grid.weights import resolved
from medtail.benchmark.networks import vectors
from medtail.benchmark.networks.again import remade
from medtail.benchmark.networks.exporting import export
from medtail.benchmark.networks.network import load
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell
from tests.benchmark.features.own import BUDGET, features_of, on_features, written

FROZEN = BUDGET.model_copy(update={"epochs": 5})


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    prepared.cache_clear()
    yield
    prepared.cache_clear()


def kept(one, folder):
    store = Store(folder)
    outcome = worker.run(store.job(one, 1))
    assert outcome.record.status == "ok", outcome.traceback
    store.write(outcome)
    return store.folder(one), outcome


def weights_file(path, seed):
    torch.manual_seed(seed)
    spec = DataSpec("two", ("a", "b"), (4, 4), (16, 16))
    torch.save(methods.build("erm", spec, backbone="conv4").backbone.state_dict(), path)
    return path


def from_file(path, method="erm", **changes):
    weights, _ = resolved(str(path), "imagenet", "conv4", 3)
    return cell(method, weights=weights, backbone="conv4", budget=FROZEN, **changes)


@pytest.mark.parametrize("method", ["erm", "tau_norm", "ncm"])
def test_images_are_judged_as_the_record_says(tmp_path, method):
    one = from_file(weights_file(tmp_path / "w.pt", 0), method, head="mlp")
    folder, outcome = kept(one, tmp_path / "runs")
    data = prepared(one.terms)
    compute(data, print)
    network = load(folder, str(tmp_path / "w.pt"))
    assert remade(network, data).digest == outcome.record.predictions
    rows = data.rows("test")
    image = torch.from_numpy(data.store.images[rows]).permute(0, 3, 1, 2)
    found = network(image).detach().numpy()
    logits = outcome.test.logits.astype(np.float64)
    wanted = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.abs(found - wanted).max() < 5e-3  # float16 of features and of what is kept


def test_the_weights_below_a_head_are_asked_for_and_checked(tmp_path):
    mine, other = (weights_file(tmp_path / f"{n}.pt", n) for n in (0, 1))
    folder, _ = kept(from_file(mine), tmp_path / "runs")
    with pytest.raises(MedtailError, match=r"with the weights 0\.pt .* name them by --weights"):
        load(folder)
    with pytest.raises(MedtailError, match=r"1\.pt: not those whose features this head takes"):
        load(folder, str(other))


def test_a_head_on_images_is_traced_whole(tmp_path):
    mine = weights_file(tmp_path / "w.pt", 0)
    folder, _ = kept(from_file(mine), tmp_path / "runs")
    network = load(folder, str(mine))
    for form in ("torchscript", "state_dict"):
        out = tmp_path / form
        list(export(network, form, out, tmp_path / f"{form}.json"))
    image = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    traced = torch.jit.load(tmp_path / "torchscript")
    assert torch.allclose(traced(image), network(image), atol=1e-6)


def test_a_head_on_ones_own_features_takes_a_file_of_them(tmp_path):
    path, made = features_of(tmp_path)
    one = on_features("erm", path)
    folder, outcome = kept(one, tmp_path / "runs")
    network, data = load(folder), prepared(one.terms)
    assert remade(network, data).digest == outcome.record.predictions
    rows = data.rows("test")[::-1]
    new = written(tmp_path / "new.parquet", data.table.id[rows], made[rows, 0])
    named = vectors.find(str(new), network.about)
    assert named.note == "features of 'new'; trained on 'made'"
    ((places, given),) = named.batches()
    assert [named.ids[place] for place in places] == data.table.id[rows].tolist()
    found = network.logits(given).detach().double().log_softmax(1).numpy()
    wanted = outcome.test.logits.astype(np.float64)[::-1]
    assert np.abs(found - wanted).max() < 0.02
    for file, words in (
        ("pictures", "trained on features of 'made', not on images"),
        (str(written(tmp_path / "long.parquet", ["a"], np.ones((1, 99)))), "vectors of 99 numbers"),
    ):
        with pytest.raises(MedtailError, match=words):
            vectors.find(file, network.about)
    with pytest.raises(MedtailError, match=r"takes features \[B, 12\] of 'made'"):
        network(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
