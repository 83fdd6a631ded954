"""Train, end the process, load in a fresh one: the record's predictions, to the last bit."""

import json

import pytest

from medtail import methods
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from tests import commands, few
from tests.benchmark.cells import QUICK, cell

FEW = ("erm", "tau_norm", "crt", "knn", "ncm", "mahalanobis", "deep_svdd", "middle_class_occ",
       "protonet", "clinical", "cutpaste")  # fmt: skip
PRECISIONS = ("64-true", "32-true")  # beside the bf16-mixed of the others
DATA = {"long_tail": "lt20", "few_shot": "shot1", "one_class": "oneclass", "active": "active"}
AGAIN = """
import json, sys, torch
from pathlib import Path
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.networks.again import remade
from medtail.benchmark.networks.network import load
torch.set_num_threads(1)
torch.manual_seed(7)
made = {}
for folder in sys.argv[1:]:
    network = load(Path(folder))
    made[folder] = remade(network, prepared(network.about.cell.terms)).digest
print(json.dumps(made))
"""


def small(method, regime="", **changes):
    track = methods.describe(method).tracks[0] if not regime else ""
    values = {"data": f"phantom@{regime or DATA[track]}", "data_params": {"count": 420},
              "image_size": (20, 20), "test_episodes": 12, "rounds": 2, "acquire": 20,
              "budget": QUICK.model_copy(update={"epochs": len_of(method)})}  # fmt: skip
    return cell(method, **(values | changes))


def len_of(method):
    """As many epochs as give every stage one."""
    stages = methods.get(method).stages
    return 5 if len(stages) != 1 or stages[0].by or method == "metric_two_stage" else 1


def differing(cells, folder):
    """Cells whose network says otherwise in a fresh process than its record does."""
    store, expected = Store(folder), {}
    for one in cells:
        outcome = worker.run(store.job(one, 1))
        assert outcome.record.status == "ok", outcome.traceback
        store.write(outcome)
        assert outcome.record.network
        expected[str(store.folder(one))] = outcome.record.predictions
    done = commands.run("-c", AGAIN, *expected)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return [name for name in expected if found[name] != expected[name]]


def test_a_network_gives_its_records_predictions_in_a_fresh_process(tmp_path):
    exact = [QUICK.model_copy(update={"epochs": 1, "precision": p}) for p in PRECISIONS]
    cells = [small(method, budget=b) for b in exact for method in ("erm", "mahalanobis")]
    assert not differing([*cells, *(small(method) for method in FEW)], tmp_path)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("track", DATA)
def test_so_does_that_of_every_method_in_every_track(track, tmp_path):
    slugs = [m for m in methods.names() if track in methods.describe(m).tracks]
    regime = "binary20" if track == "one_class" else DATA[track]
    cells = [small(m, regime) for m in slugs if m not in FEW or regime == "binary20"]
    assert len(cells) > 8
    assert not differing(cells, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("rebalance", few(["lws", "tau_norm", "balanced_softmax", "ncm"], "lws"))
def test_so_does_every_second_stage(rebalance, tmp_path):
    params = methods.defaults("metric_two_stage") | {"rebalance": rebalance}
    assert not differing([small("metric_two_stage", "lt20", params=params)], tmp_path)
