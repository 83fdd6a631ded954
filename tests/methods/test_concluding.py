"""What is fitted after the training: in a plain Trainer it is done, or one line says what lacks."""

import copy

import pytest
import torch

from medtail import methods
from medtail.datamodules.core.errors import MedtailError
from tests.methods.own_trainer import built, data_of, trainer

CONCLUDING = sorted(
    n for n in methods.names() if methods.get(n).conclude is not methods.get("erm").conclude
)
ONE_FIT = [n for n in CONCLUDING if any(not s.by for s in methods.get(n).stages[:1])]


def data_for(name):
    tracks = {"long_tail": "lt20", "few_shot": "shot1", "one_class": "oneclass"}
    return data_of(f"phantom@{tracks[methods.get(name).tracks[0]]}")


def logits_of(method, data):
    batches = trainer().predict(method, datamodule=data)
    return torch.cat([b[1] for b in batches])


def reference(method, data):
    """The same network, concluded by hand."""
    twin = copy.deepcopy(method)
    plain = [
        [data.on_after_batch_transfer(b, 0) for b in data.plain_loader(split)]
        for split in ("train", "val")
    ]
    twin.finish(*plain)
    return twin


def test_which_methods_conclude():
    assert {"knn", "mahalanobis", "ncm", "tau_norm"} <= set(CONCLUDING)
    assert not {"erm", "crt", "maml"} & set(CONCLUDING)


@pytest.mark.parametrize("name", ONE_FIT)
def test_a_fit_concludes(name):
    data = data_for(name)
    method = built(name, data)
    assert not method.concluded
    for _ in range(2):  # a second fit moves what the first has concluded
        trainer().fit(method, datamodule=data)
        assert method.concluded
        again = reference(method, data)
        for key, value in method.state_dict().items():
            assert torch.equal(value, again.state_dict()[key]), key


@pytest.mark.parametrize("name", CONCLUDING)
def test_nothing_unconcluded_is_scored(name):
    data = data_for(name)
    method = built(name, data)
    expected = reference(method, data)
    for score in ("predict", "validate"):
        fresh = copy.deepcopy(method)
        loaders = [data.on_after_batch_transfer(b, 0) for b in data.plain_loader("val")]
        with pytest.raises(MedtailError, match=r"Trainer\(devices=1\) and datamodule=data"):
            getattr(trainer(), score)(fresh, torch.utils.data.DataLoader(loaders, batch_size=None))
    assert torch.equal(logits_of(method, data), logits_of(expected, data))
    assert method.concluded


def test_a_checkpoint_of_an_epoch_is_concluded_before_it_predicts(tmp_path):
    """The best epoch's weights are saved before the end, at which the last ones are concluded."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    data = data_for("mahalanobis")
    method = built("mahalanobis", data)
    keep = ModelCheckpoint(tmp_path, save_top_k=-1)
    fit = trainer(keep, max_epochs=2, enable_checkpointing=True)
    fit.fit(method, datamodule=data)
    first = min(tmp_path.glob("*.ckpt"))
    state = torch.load(first, weights_only=False)["state_dict"]
    assert not state["concluded"]
    fit.predict(method, datamodule=data, ckpt_path=str(first))
    fresh = built("mahalanobis", data)
    fresh.load_state_dict(state)
    expected = reference(fresh, data)
    for key, value in expected.state_dict().items():
        assert torch.equal(value, method.state_dict()[key]), key


def test_what_was_concluded_travels_with_the_weights_and_ends_with_a_fit():
    data = data_for("knn")
    method = built("knn", data)
    trainer().fit(method, datamodule=data)
    fresh = built("knn", data)
    fresh.load_state_dict(method.state_dict())
    fresh.conclude = None  # would be called where it was forgotten
    assert torch.equal(logits_of(fresh, data), logits_of(method, data))
    method.begin(method.stages[0])
    assert not method.concluded
    trainer().fit(method, datamodule=data)  # whoever begins concludes, too
    assert not method.concluded


def test_it_is_fitted_to_the_data_that_it_was_trained_on():
    method = built("ncm", data_of("phantom@lt20"))
    with pytest.raises(MedtailError, match="built for phantom@lt20"):
        trainer().predict(method, datamodule=data_of("phantom@natural"))
