"""``medtail.fit``: a training without a suite is the runner's, and mistakes are one line."""

import pytest
import torch

import medtail
from medtail.benchmark.execution import worker
from medtail.benchmark.tracks import supervised
from tests.benchmark.cells import QUICK, cell
from tests.methods.own_trainer import data_of

BUDGET = QUICK.model_copy(update={"epochs": 5, "precision": "32-true"})


@pytest.mark.parametrize("name", ["crt", "tau_norm"])
def test_it_trains_what_the_runner_trains(name, tmp_path):
    said = []
    data = data_of("phantom@natural", count=400)
    method = medtail.fit(name, data, seed=1, tell=said.append, **BUDGET.model_dump())
    asked = cell(name, seed=1, budget=BUDGET)
    theirs = supervised.train(asked, worker.prepared(asked.terms), tmp_path, 1, print).method
    expected, found = theirs.state_dict(), method.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert said[0].startswith("epoch 1/")
    assert not method.training


def test_a_data_module_is_its_own_again_afterwards():
    data = data_of("phantom@natural", count=400)
    medtail.fit("class_balanced_sampling", data, epochs=1, batch_size=64, tell=lambda _: None)
    assert not data.connected
    assert data.batch_size == 24
    assert data.trainer is None


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("crtt", {}, "unknown method 'crtt': did you mean crt"),
        ("crt", {"epoch": 3}, "unknown part of the budget 'epoch': did you mean epochs"),
        ("crt", {"epochs": 0}, "epochs=0: "),
        ("crt", {"epochs": 1}, "too little for the 2 stages"),
        ("crt", {"params": {"tau": 1}}, "unknown parameter of crt 'tau'"),
        ("crt", {"backbone": "resnet1"}, "unknown backbone 'resnet1'"),
        ("maml", {}, "maml cannot run on phantom@natural"),
    ],
)
def test_a_mistake_is_one_line(name, arguments, words):
    data = data_of("phantom@natural", count=400)
    with pytest.raises(medtail.MedtailError, match=words) as error:
        medtail.fit(name, data, **arguments)
    assert "\n" not in str(error.value)


def test_what_chooses_images_is_no_training():
    with pytest.raises(medtail.MedtailError, match="its learner: fit 'erm'"):
        medtail.fit("badge", data_of("phantom@active"))


@pytest.mark.parametrize("name", ["patchcore", "rd4ad"])
def test_what_looks_at_a_pretrained_network_is_not_fitted_to_a_drawn_one(name):
    with pytest.raises(medtail.MedtailError, match=f"{name}: it looks at a pretrained network"):
        medtail.fit(name, data_of("phantom@oneclass", count=400))
