"""What every one-class method must hold, over the whole registry."""

import copy
import pickle

import lightning as L
import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.one_class.base import OneClass
from tests.methods.one_class import NAMES, SPEC, batch, build, home, step, trained

GREY = DataSpec("grey@oneclass", NAMES, (40, 0), (16, 24), 1, track="one_class", withheld=(0, 9))
FEW = DataSpec("fake@binary20", NAMES, (100, 5), (16, 16), track="one_class")
FAMILY = {
    n: m
    for n, m in methods.registry().items()
    if "one_class" in m.tracks and "long_tail" not in m.tracks
}
EVERY = pytest.mark.parametrize("name", sorted(FAMILY))
TRAINED = pytest.mark.parametrize("name", sorted(n for n, m in FAMILY.items() if m.stages))
LEARNS_ALONE = pytest.mark.parametrize(
    "name", sorted(set(FAMILY) - {"deep_sad", "supervised_control"})
)


@pytest.fixture(scope="module")
def ready():
    made = {}

    def get(name):
        return made.setdefault(name, made.get(name) or trained(name))

    return get


@EVERY
def test_tracks(name):
    assert not methods.get(name).refuses(home(name))
    long_tail = DataSpec("fake", NAMES, (100, 10), (16, 16))
    assert "one-class track" in methods.get(name).refuses(long_tail)


@TRAINED
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
def test_what_is_fitted_and_predicted_is_not_rounded(name, ready):
    states, logits = [], []
    for low in (False, True):
        method = copy.deepcopy(ready(name))
        with torch.autocast("cpu", torch.bfloat16, enabled=low), torch.no_grad():
            method.finish([batch(SPEC, n) for n in range(3)], [batch(SPEC, 10)])
            states.append(method.state_dict())
            logits.append(method.predict_step(batch(SPEC, 3), 0)[1])
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert torch.equal(*logits)


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
    if methods.get(name).refuses(spec):
        pytest.skip("it asks for abnormal labels")
    method = trained(name, spec=spec)
    assert method(batch(spec, 5).image).isfinite().all()


@LEARNS_ALONE
def test_abnormal_images_are_left_out(name):
    assert issubclass(FAMILY[name], OneClass)
    method = build(name, spec=FEW)
    views = method.request(method.stage).views
    given, other = batch(FEW, 0, views), batch(FEW, 1, views, target=1)
    if method.stages:
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
