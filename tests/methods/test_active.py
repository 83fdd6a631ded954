"""What every acquisition must hold, over the whole registry."""

import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.scene import Seen
from tests.methods.active import SPEC, build, generator, scene

ACQUISITIONS = sorted(
    slug for slug, method in methods.registry().items() if method.tracks == ("active",)
)
VARIANTS = [
    *((slug, {}) for slug in ["erm", "crt", *ACQUISITIONS]),
    *(("clinical", {"function": f}) for f in ("flvmi", "gcmi", "logdetmi", "com")),
    *(("clinical", {"query": q}) for q in ("target", "all")),
    ("clinical", {"engine": "submodlib"}),
    ("clinical", {"shuffle": False}),
    ("facility_location", {"similarity": "feature", "labelled": False}),
    ("probcover", {"delta": 0.6}),
    ("glister", {"validation": "query"}),
    ("gradmatch", {"matched": "query"}),
]
DRAWS = {"erm", "crt", "badge", "bald", "batchbald", "power_bald", "power_margin"}
DRAWS |= {"typiclust", "probcover"}  # k-means starts at random
EVERY = pytest.mark.parametrize(
    ("slug", "params"), VARIANTS, ids=lambda v: v if isinstance(v, str) else str(list(v.values()))
)


def is_a_choice(answer, budget, pool):
    assert answer.shape == (budget,)
    assert answer.dtype == torch.int64
    assert len(set(answer.tolist())) == budget
    assert 0 <= answer.min() <= answer.max() < pool


def test_the_registry_knows_the_acquisitions():
    expected = {"clinical", "badge", "coreset", "bald", "glister"}
    expected |= {"batchbald", "facility_location", "power_bald", "power_margin"}
    expected |= {"probcover", "typiclust"}
    expected |= {"entropy_sampling", "margin_sampling", "least_confidence"}
    assert expected <= set(ACQUISITIONS)


@EVERY
@pytest.mark.parametrize("budget", [1, 20, 80])
def test_a_choice_has_the_budget_and_no_image_twice(slug, params, budget, learner):
    answer = build(slug, **params).acquire(learner, scene(learner), budget, generator())
    is_a_choice(answer, budget, 80)


@EVERY
def test_the_generator_decides(slug, params, learner):
    method, given = build(slug, **params), scene(learner)
    once = method.acquire(learner, given, 10, generator(1))
    torch.rand(3)  # the global state has no say
    again = build(slug, **params).acquire(learner, given, 10, generator(1))
    assert torch.equal(once, again)
    assert torch.equal(once, method.acquire(learner, given, 10, generator(1)))


@EVERY
def test_a_pool_of_identical_images(slug, params, learner):
    given = scene(learner)
    same = Seen(given.pool.features[:1].repeat(30, 1), given.pool.logits[:1].repeat(30, 1))
    answers = [
        build(slug, **params).acquire(learner, given._replace(pool=same), 6, generator(s))
        for s in range(4)
    ]
    for answer in answers:
        is_a_choice(answer, 6, 30)
    if params != {"shuffle": False} and slug != "bald":
        assert len({tuple(sorted(a.tolist())) for a in answers}) > 1, "position decides"


@EVERY
def test_a_pool_of_one_class_and_a_confident_learner(slug, params, learner):
    given = scene(learner)
    sure = torch.zeros(80, 7)
    sure[:, 1] = 60 + torch.arange(80.0)
    answer = build(slug, **params).acquire(
        learner, given._replace(pool=Seen(given.pool.features, sure)), 20, generator()
    )
    is_a_choice(answer, 20, 80)


@EVERY
def test_a_learner_with_another_head(slug, params):
    learner = build("ldam")
    answer = build(slug, **params).acquire(learner, scene(learner), 10, generator())
    is_a_choice(answer, 10, 80)


@EVERY
def test_the_choice_does_not_depend_on_the_order_of_the_pool(slug, params, learner):
    """But for what is drawn."""
    if slug in DRAWS or params.get("function") == "flvmi":
        pytest.skip("draws, or has ties")
    given, order = scene(learner), torch.randperm(80, generator=generator(5))
    turned = Seen(given.pool.features[order], given.pool.logits[order])
    method = build(slug, **params)
    straight = method.acquire(learner, given, 10, generator(1))
    again = order[method.acquire(learner, given._replace(pool=turned), 10, generator(2))]
    assert set(straight.tolist()) == set(again.tolist())


@pytest.mark.parametrize("slug", ACQUISITIONS)
def test_an_acquisition_runs_in_its_track_alone_and_takes_a_learner(slug):
    assert not methods.get(slug).refuses(SPEC)
    assert "active" in methods.get(slug).refuses(DataSpec("x", ("a", "b"), (5, 5), (16, 16)))
    assert build(slug).learner == "erm"
    assert build(slug, learner="ldam").learner == "ldam"
    for wrong in ("no_such", slug, "badge"):
        with pytest.raises(MedtailError, match=f"unknown learner '{wrong}'"):
            build(slug, learner=wrong)


@pytest.mark.parametrize(
    ("slug", "params", "words"),
    [
        ("clinical", {"function": "facility_location"}, "unknown function of clinical"),
        ("clinical", {"query": "rare"}, "unknown query rule of clinical"),
        ("clinical", {"engine": "numpy"}, "unknown engine of clinical"),
        ("clinical", {"eta": 0}, "eta must be in"),
        ("clinical", {"eta": 1.5, "function": "logdetmi"}, "eta must be in"),
        ("clinical", {"shuffle": "no"}, "shuffle must be true or false"),
        ("glister", {"validation": "test"}, "unknown validation set"),
        ("glister", {"step": 0.0}, "step must be in"),
        ("bald", {"rate": 1.0}, "rate must be in"),
        ("batchbald", {"rate": 0.0}, "rate must be in"),
        ("power_bald", {"rate": 0.0}, "rate must be in"),
        ("power_bald", {"beta": -1.0}, "beta must be in"),
        ("power_margin", {"beta": float("inf")}, "beta must be in"),
        ("probcover", {"delta": 0.0}, "delta must be in"),
        ("probcover", {"delta": "large"}, "delta must be in"),
        ("facility_location", {"similarity": "cosine"}, "unknown similarity of facility_location"),
        ("facility_location", {"labelled": 1}, "labelled must be true or false"),
        ("fass", {"beta": 0.5}, "beta must be in"),
        ("gradmatch", {"matched": "test"}, "unknown gradient to match"),
        ("gradmatch", {"ridge": 0.0}, "ridge must be in"),
    ],
)
def test_bad_arguments_are_one_line(slug, params, words):
    with pytest.raises(MedtailError, match=words):
        build(slug, **params)
