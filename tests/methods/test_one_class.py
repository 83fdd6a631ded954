"""One-class methods: what all must hold, and the densities that several share."""

import copy
import pickle

import lightning as L
import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from torch.utils.data import DataLoader

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.base import Method, Recipe
from medtail.methods.core.one_class import density
from medtail.methods.core.one_class.base import OneClass

NAMES = ("NV", "not NV")
SPEC = DataSpec(
    "fake@oneclass",
    NAMES,
    (4693, 0),  # HAM10000's
    (20, 20),
    track="one_class",
    withheld=(0, 2312),
    modality="dermoscopy",
)
GREY = DataSpec("grey@oneclass", NAMES, (40, 0), (16, 24), 1, track="one_class", withheld=(0, 9))
FEW = DataSpec("fake@binary20", NAMES, (100, 5), (16, 16), track="one_class")
FAMILY = {
    n: m
    for n, m in methods.registry().items()
    if "one_class" in m.tracks and "long_tail" not in m.tracks
}
EVERY = pytest.mark.parametrize("name", sorted(FAMILY))
LEARNS_ALONE = pytest.mark.parametrize("name", sorted(set(FAMILY) - {"supervised_control"}))


def batch(spec, seed, views=1, size=8, target=0):
    shape = (size, *([views] if views > 1 else []), spec.in_channels, *spec.image_size)
    image = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return Batch(image, torch.full((size,), target), torch.arange(size))


class Data(L.LightningDataModule):
    def __init__(self, spec, views):
        super().__init__()
        self.spec, self.views = spec, views

    def train_dataloader(self):
        return DataLoader([batch(self.spec, n, self.views) for n in range(2)], batch_size=None)

    def val_dataloader(self):
        return DataLoader([batch(self.spec, 10 + n) for n in range(2)], batch_size=None)


def build(name, seed=0, spec=SPEC, **params) -> Method:
    L.seed_everything(seed, verbose=False)
    return methods.build(name, spec, **params)


def trained(name, seed=0, spec=SPEC, **params) -> Method:
    method = build(name, seed, spec, **params)
    method.recipe = Recipe(lr=0.02)
    for stage in method.stages:
        method.stage = stage
        method.enter(stage)
        trainer = L.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(method, Data(spec, method.request(stage).views))
        assert trainer.global_step == 2
    method.conclude([batch(spec, n) for n in range(3)], [batch(spec, 10 + n) for n in range(2)])
    return method.eval()


@pytest.fixture(scope="module")
def ready():
    made = {}

    def get(name):
        return made.setdefault(name, made.get(name) or trained(name))

    return get


def step(method, given) -> torch.Tensor:
    method.trainer = L.Trainer(max_epochs=10, logger=False, accelerator="cpu", barebones=True)
    method.train()
    return method.loss(given)


@EVERY
def test_tracks(name):
    assert not methods.get(name).refuses(SPEC)
    long_tail = DataSpec("fake", NAMES, (100, 10), (16, 16))
    assert "one-class track" in methods.get(name).refuses(long_tail)


@EVERY
def test_every_parameter_gets_a_gradient(name):
    method = build(name)
    method.enter(method.stages[0])
    loss = step(method, batch(SPEC, 0, method.request(method.stages[0]).views))
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    loss.backward()
    assert not [k for k, p in method.named_parameters() if p.requires_grad and p.grad is None]
    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)
    assert sum(bool((g != 0).any()) for g in gradients) > 1


@EVERY
def test_scores_are_finite_single_and_the_logit(name, ready):
    method, image = ready(name), batch(SPEC, 3).image
    with torch.no_grad():
        scores, logits = method.abnormality(image), method(image)
        apart = torch.cat([method.abnormality(one[None]) for one in image])
        with torch.autocast("cpu", torch.bfloat16):
            mixed = method.abnormality(image)
    assert scores.shape == (len(image),)
    assert scores.dtype == mixed.dtype == torch.float32
    assert scores.isfinite().all()
    assert scores.std() > 0
    torch.testing.assert_close(logits[:, 1] - logits[:, 0], scores, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(apart, scores, rtol=1e-3, atol=1e-3)
    assert torch.equal(method.abnormality(image), scores), "a score is not random"


@EVERY
def test_the_state_holds_all_that_was_learnt(name, ready):
    image, anew = batch(SPEC, 3).image, build(name, seed=1).eval()
    assert not torch.equal(anew(image), ready(name)(image))
    anew.load_state_dict(ready(name).state_dict())
    assert torch.equal(anew(image), ready(name)(image))
    assert anew.findings() == ready(name).findings()
    copied = pickle.loads(pickle.dumps(ready(name)))
    assert torch.equal(copied(image), ready(name)(image))


@EVERY
def test_the_seed_decides(name, ready):
    once, again = ready(name).state_dict(), trained(name).state_dict()
    assert once.keys() == again.keys()
    assert all(torch.equal(once[key], again[key]) for key in once)


@EVERY
@pytest.mark.parametrize("spec", [GREY, FEW], ids=lambda s: s.name)
def test_other_data(name, spec):
    method = trained(name, spec=spec)
    assert method(batch(spec, 5).image).isfinite().all()


@LEARNS_ALONE
def test_abnormal_images_are_left_out(name):
    assert issubclass(FAMILY[name], OneClass)
    method = build(name, spec=FEW)
    views = method.request(method.stages[0]).views
    given, other = batch(FEW, 0, views), batch(FEW, 1, views, target=1)
    mixed = Batch(*(torch.cat(pair) for pair in zip(given[:3], other[:3], strict=True)))
    losses = []
    for seen in (given, mixed):
        torch.manual_seed(0)
        losses.append(step(copy.deepcopy(method), seen))
    assert torch.equal(*losses)
    nothing = step(method, other)
    nothing.backward()
    assert nothing == 0
    concluded = []
    for more in ([], [other._replace(image=batch(FEW, 1, target=1).image)]):
        L.seed_everything(0, verbose=False)
        fresh = copy.deepcopy(method).eval()
        plain = [batch(FEW, n) for n in range(3)]
        fresh.conclude(plain + more, plain + more)
        concluded.append(fresh.abnormality(plain[0].image))
    assert torch.equal(*concluded)


def test_ledoit_wolf_is_that_of_scikit_learn():
    for shape in ((200, 6), (10, 20)):
        features = np.random.default_rng(0).normal(size=shape) @ np.diag(
            np.linspace(1, 3, shape[1])
        )
        _, covariance = density.ledoit_wolf(torch.tensor(features))
        expected = LedoitWolf().fit(features)
        np.testing.assert_allclose(covariance, expected.covariance_, rtol=1e-8, atol=1e-10)
        gaussian = density.Gaussian(shape[1]).double()
        gaussian.fit(torch.tensor(features))
        other = np.random.default_rng(1).normal(size=(5, shape[1]))
        found = gaussian(torch.tensor(other))
        np.testing.assert_allclose(found, expected.mahalanobis(other), rtol=1e-6)
    constant = density.Gaussian(3)
    constant.fit(torch.ones(5, 3))
    assert constant(torch.randn(2, 3)).isfinite().all()


def test_neighbours_are_those_of_scikit_learn():
    known, asked = torch.randn(30, 4), torch.randn(7, 4)
    neighbours = density.Neighbours(50, 4, k=3)
    neighbours.fit(known)
    expected = NearestNeighbors(n_neighbors=3).fit(known.numpy()).kneighbors(asked.numpy())[0]
    np.testing.assert_allclose(neighbours(asked), expected.mean(1), rtol=1e-5)
    neighbours.fit(known[:2])  # fewer than k
    np.testing.assert_allclose(neighbours(asked), torch.cdist(asked, known[:2]).mean(1), rtol=1e-5)


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    abnormal, given = rng.integers(0, 9, 40) + 1.0, rng.integers(0, 9, 30)
    truth = np.r_[np.ones(40), np.zeros(30)]
    found = density.auroc(torch.tensor(abnormal), torch.tensor(given))
    assert found == pytest.approx(roc_auc_score(truth, np.r_[abnormal, given]))
