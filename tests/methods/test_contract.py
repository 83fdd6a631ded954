"""What every method must hold when trained, over the whole registry: free tests for a new file."""

import copy
import pickle

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from medtail import methods
from medtail.datamodules.core.contract import PK, Batch, DataRequest, DataSpec, SamplerName
from medtail.datamodules.core.loading.samplers import class_probability
from medtail.methods.core.base import Method, Recipe, Stage

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("fake", ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"), HAM10000, (16, 16))
LONG_TAIL = {n: m for n, m in methods.registry().items() if not m.refuses(SPEC)}
EVERY = pytest.mark.parametrize("name", sorted(LONG_TAIL))


class TinyData(L.LightningDataModule):
    """Random images with a colour for each class; batches as a request asks for them."""

    def __init__(self, spec: DataSpec, request: DataRequest, batches: int = 2, size: int = 8):
        super().__init__()
        self.spec, self.asked, self.batches, self.size = spec, request, batches, size

    def ask(self, request: DataRequest, epochs: int) -> None:
        assert request == self.asked

    def batch(self, sampler: SamplerName | PK, seed: int, views: int = 1) -> Batch:
        rng = np.random.default_rng(seed)
        sampler = "class_balanced" if isinstance(sampler, PK) else sampler
        probability = class_probability(sampler, np.array(self.spec.class_counts), 0.5)
        target = rng.choice(self.spec.num_classes, self.size, p=probability)
        colour = np.random.default_rng(0).normal(size=(self.spec.num_classes, 1, 3, 1, 1))
        shape = (self.size, views, self.spec.in_channels, *self.spec.image_size)
        image = rng.normal(size=shape) + colour[target][:, :, : self.spec.in_channels]
        image = image[:, 0] if views == 1 else image
        index = torch.arange(self.size) + seed * self.size
        return Batch(torch.tensor(image).float(), torch.tensor(target), index)

    def plain(self, batches: int = 2) -> list[Batch]:
        return [self.batch("class_balanced", 100 + i) for i in range(batches)]

    def train_batches(self) -> list[Batch]:
        asked, made = self.asked, []
        for i in range(self.batches):
            batch = self.batch(asked.sampler, i, asked.views)
            if asked.second:
                batch = batch._replace(second=self.batch(asked.second, 50 + i, asked.views))
            made.append(batch)
        return made

    def train_dataloader(self):
        return DataLoader(self.train_batches(), batch_size=None)

    def val_dataloader(self):
        return DataLoader(self.plain(), batch_size=None)


def fit(method: Method, stage: Stage, epochs: int = 1) -> None:
    """One stage as the runner trains it."""
    method.recipe = Recipe(lr=0.05)
    method.begin(stage)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(method, TinyData(method.spec, method.request(stage)))
    assert trainer.global_step == 2 * epochs
    assert "val/balanced_accuracy" in trainer.callback_metrics


def build(name: str, seed: int = 0, spec: DataSpec = SPEC) -> Method:
    L.seed_everything(seed, verbose=False)
    return methods.build(name, spec)


def train(name: str, state: dict[str, torch.Tensor], seed: int = 0) -> Method:
    """All stages of a method, those of others from ``state``, then ``conclude``."""
    method = build(name, seed)
    for stage in method.stages:
        if stage.by:
            method.load_state_dict(state, strict=False)
        else:
            fit(method, stage)
    data = TinyData(method.spec, DataRequest())
    method.conclude(data.plain(3), data.plain(3))
    return method.eval()


@pytest.fixture(scope="module")
def erm_state() -> dict[str, torch.Tensor]:
    method = build("erm")
    fit(method, method.stages[0])
    return copy.deepcopy(method.state_dict())


@pytest.fixture(scope="module")
def trained(erm_state):
    """Slug -> the method after all its stages, made once; tests must not change it."""
    made: dict[str, Method] = {}

    def get(name: str) -> Method:
        if name not in made:
            made[name] = train(name, erm_state)
        return made[name]

    return get


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return TinyData(SPEC, DataRequest()).plain(1)[0].image


@pytest.mark.parametrize("name", sorted(n for n, m in LONG_TAIL.items() if m.stages[0].by))
def test_a_stage_by_another_method_loads_completely(name, erm_state):
    method = build(name)
    missing, unexpected = method.load_state_dict(erm_state, strict=False)
    assert not unexpected
    assert not [key for key in missing if key.startswith(("backbone.", "classifier."))]
    assert torch.equal(method.classifier.weight, erm_state["classifier.weight"])


@EVERY
def test_own_stages_learn_and_leave_the_frozen_alone(name, erm_state):
    method = build(name)
    for stage in method.stages:
        if stage.by:
            method.load_state_dict(erm_state, strict=False)
            continue
        method.enter(stage)
        before = copy.deepcopy(method.state_dict())
        learns = {key for key, value in method.named_parameters() if value.requires_grad}
        frozen = tuple(f"{part}." for part in method._frozen)
        fit(method, stage)
        after = method.state_dict()
        moved = {key for key in after if not torch.equal(before[key], after[key])}
        assert moved & learns
        # Batch statistics, which need no gradient to move, are in the state as well.
        assert not {key for key in moved if frozen and key.startswith(frozen)}
        assert not {k for k, v in method.named_parameters() if not v.requires_grad} & moved


@EVERY
def test_of_the_head_alone_the_backbone_stays_to_the_last_bit(name, erm_state):
    method = build(name)
    method.load_state_dict({k: v for k, v in erm_state.items() if "backbone" in k}, strict=False)
    method.freeze("backbone")
    before = copy.deepcopy(method.backbone.state_dict())
    for stage in method.stages:
        if not stage.by:
            fit(method, stage)
    after = method.backbone.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@EVERY
def test_loss_is_a_finite_scalar_with_gradients(name, erm_state):
    method = build(name)
    for stage in method.stages:
        if stage.by:
            method.load_state_dict(erm_state, strict=False)
            continue
        method.enter(stage)
        method.train()
        # Attached as within a fit: schedules may ask how far the training is.
        method.trainer = L.Trainer(max_epochs=10, logger=False, accelerator="cpu", barebones=True)
        batch = TinyData(SPEC, method.request(stage)).train_batches()[0]
        loss = method.loss(batch)
        assert loss.shape == ()
        assert loss.dtype == torch.float32
        assert loss.isfinite()
        loss.backward()
        gradients = [p.grad for p in method.parameters() if p.grad is not None]
        assert gradients
        assert all(g.isfinite().all() for g in gradients)
        assert any((g != 0).any() for g in gradients)
        # DDP waits for the gradient of every parameter that could have one.
        unused = [k for k, p in method.named_parameters() if p.requires_grad and p.grad is None]
        assert not unused


@EVERY
def test_logits_are_finite_and_in_float32(name, trained, images):
    logits = trained(name)(images)
    assert logits.shape == (len(images), SPEC.num_classes)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = trained(name)(images)
    assert mixed.dtype == torch.float32
    rounded = mixed.to(torch.bfloat16).float()
    assert not torch.equal(mixed, rounded), "the logits were computed in bfloat16"


@EVERY
def test_what_is_fitted_and_predicted_is_not_rounded(name, trained, images):
    """A plain Trainer in bfloat16 concludes and predicts with the numbers of float32."""
    data = TinyData(SPEC, DataRequest())
    states, logits = [], []
    for low in (False, True):
        method = copy.deepcopy(trained(name))
        with torch.autocast("cpu", torch.bfloat16, enabled=low), torch.no_grad():
            method.finish(data.plain(3), data.plain(3))
            states.append(method.state_dict())
            logits.append(method.predict_step(Batch(images, images[:, 0], images[:, 0]), 0)[1])
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert torch.equal(*logits)


@EVERY
def test_an_image_is_judged_by_itself(name, trained, images):
    method = trained(name)
    together = method(images)
    assert torch.equal(together, method(images))
    apart = torch.cat([method(image[None]) for image in images])
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-4)


@EVERY
def test_the_state_holds_all_that_was_learnt(name, trained, images):
    anew = build(name, seed=1).eval()
    assert not torch.equal(anew(images), trained(name)(images))
    anew.load_state_dict(trained(name).state_dict())
    assert torch.equal(anew(images), trained(name)(images))
    assert anew.findings() == trained(name).findings()


@EVERY
def test_the_seed_decides(name, trained, erm_state):
    once, again = trained(name).state_dict(), train(name, erm_state).state_dict()
    assert once.keys() == again.keys()
    assert all(torch.equal(once[key], again[key]) for key in once)


@EVERY
def test_a_stage_does_not_depend_on_draws_before_it(name, erm_state):
    """Whether stage one was trained or only loaded must not change what ``enter`` starts from."""
    entered = []
    for draws in (0, 3):
        method = build(name)
        for stage in method.stages:
            torch.randn(draws)
            if stage.by:
                method.load_state_dict(erm_state, strict=False)
            else:
                method.enter(stage)
        entered.append(method.state_dict())
    assert all(torch.equal(entered[0][key], entered[1][key]) for key in entered[0])


@EVERY
def test_pickles(name, trained, images):
    copied = pickle.loads(pickle.dumps(trained(name)))
    assert torch.equal(copied(images), trained(name)(images))
    assert copied._frozen == trained(name)._frozen


@EVERY
@pytest.mark.parametrize(
    "spec",
    [
        DataSpec("binary", ("normal", "rare"), (100, 10), (16, 16), in_channels=1),
        DataSpec("absent", ("a", "b", "none"), (100, 10, 0), (16, 16)),
        DataSpec("balanced", ("a", "b", "c"), (40, 40, 40), (16, 16)),
    ],
    ids=lambda spec: spec.name,
)
def test_other_data(name, spec):
    method = build(name, spec=spec)
    method.trainer = L.Trainer(max_epochs=10, logger=False, accelerator="cpu", barebones=True)
    for stage in method.stages:
        if not stage.by:
            method.enter(stage)
        batch = TinyData(spec, method.request(stage)).train_batches()[0]
        assert method.loss(batch).isfinite(), stage
    data = TinyData(spec, DataRequest())
    method.conclude([data.batch("instance", 1)], [data.batch("instance", 2)])
    assert method.eval()(data.batch("instance", 3).image).isfinite().all()
