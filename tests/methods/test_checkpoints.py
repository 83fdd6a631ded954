"""Lightning's own ways with a trained method: test, predict, load_from_checkpoint."""

import warnings

import numpy as np
import pytest
import torch

from medtail import methods
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import long_tail
from medtail.benchmark.tracks import supervised
from tests.methods.own_trainer import built, data_of, trainer

REGIMES = {"long_tail": "lt20", "few_shot": "shot1", "one_class": "oneclass", "active": "active"}


def saved(method, path):
    """The method as a Trainer saves it."""
    lightning = trainer()
    lightning.strategy.connect(method)
    lightning.save_checkpoint(path)


def same(one, other):
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", methods.names())
def test_every_method_is_built_again_from_its_checkpoint_alone(name, tmp_path):
    data = data_of(f"phantom@{REGIMES[methods.describe(name).tracks[0]]}")
    method = built(name, data)
    saved(method, tmp_path / "last.ckpt")
    torch.manual_seed(11)
    again = methods.get(name).load_from_checkpoint(tmp_path / "last.ckpt")
    assert type(again) is type(method)
    assert same(again, method)
    assert again.spec == method.spec
    for attribute in ("counts", "prior", "margins", "withheld", "learner", "stages"):
        assert str(getattr(again, attribute, "")) == str(getattr(method, attribute, ""))


def test_parameters_that_are_no_defaults_come_back(tmp_path):
    data = data_of("phantom@lt20")
    params = {"rebalance": "tau_norm", "weight": 0.5, "backbone": "conv4"}
    method = methods.build("metric_two_stage", data.spec, **params)
    saved(method, tmp_path / "last.ckpt")
    again = type(method).load_from_checkpoint(tmp_path / "last.ckpt")
    assert same(again, method)
    assert (again.weight, type(again)) == (0.5, type(method))
    assert again.hparams["backbone"] == "conv4"


def test_a_checkpoint_needs_no_pickle_of_ours(tmp_path):
    data = data_of("phantom@shot1")
    saved(built("protonet", data), tmp_path / "last.ckpt")
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["hyper_parameters"]["spec"] == data.spec


def test_test_logs_the_metrics_of_the_test_split_and_predict_gives_its_logits(tmp_path):
    data = data_of("phantom@lt20")
    method = built("ldam", data)
    one = trainer(max_epochs=1, limit_train_batches=1.0)
    one.fit(method, datamodule=data)
    one.save_checkpoint(tmp_path / "last.ckpt")
    again = type(method).load_from_checkpoint(tmp_path / "last.ckpt").eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*srun.*")  # where a Slurm is installed
        (logged,) = trainer().test(again, datamodule=data, verbose=False)
    found = supervised.predict(again, data, "test")
    scored = long_tail.score(found, None, data.spec.class_counts, False)
    assert logged["test/balanced_accuracy"] == pytest.approx(scored["balanced_accuracy"], abs=1e-5)
    assert logged["test/macro_auc"] == pytest.approx(scored["macro_auc"], abs=2e-3)
    batches = trainer().predict(again, datamodule=data)
    index = torch.cat([b[0] for b in batches]).numpy()
    assert index.tolist() == data.rows("test").tolist()
    logits = torch.cat([b[1] for b in batches]).numpy()
    ids = data.table.id[index]
    made = Predictions.of(ids, ids, data.target[index], logits)
    assert np.array_equal(made.logits, found.logits)


@pytest.mark.parametrize("name", ["erm", "fine_tuning", "protonet", "anil"])
def test_few_shot_methods_are_tested_on_the_frozen_episodes(name):
    data = data_of("phantom@shot1")
    method = built(name, data)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    one = trainer(limit_test_batches=3)
    (logged,) = one.test(method, datamodule=data, verbose=False)
    assert set(logged) == {"test/balanced_accuracy", "test/macro_auc"}
    assert method.tested.confusion.num_classes == 2
    first = data.test_episodes(600)[0]
    batch = next(iter(data.test_dataloader()))
    assert batch.index[0].tolist() == first.rows.tolist()
    assert len(data.test_dataloader()) == 600
    assert all(torch.equal(before[key], value) for key, value in method.state_dict().items())


def test_one_class_methods_are_tested_by_their_score():
    data = data_of("phantom@oneclass")
    method = built("mahalanobis", data)
    (logged,) = trainer().test(method, datamodule=data, verbose=False)
    assert 0 <= logged["test/macro_auc"] <= 1
    assert bool(method.concluded), "nothing is scored that is not concluded"
