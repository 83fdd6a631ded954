"""Acquisitions: contract tests over the registry, and each formula against a transcription."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import chisquare

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.badge import k_means_plus_plus, squared_distances
from medtail.methods.bald import dropout_passes, mutual_information
from medtail.methods.clinical import query_rows
from medtail.methods.core.active.base import Acquisition, highest, learns, probabilities
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.core.submodular.similarity import gradient_factors
from medtail.methods.coreset import k_center_greedy, nearest_squared_distance
from medtail.methods.entropy_sampling import entropy
from medtail.methods.glister import greedy_descent
from medtail.methods.margin_sampling import margin

HAM10000 = (156, 939, 72, 46, 154, 16, 20)
RARE = (3, 5, 6)
SPEC = DataSpec(
    "fake@active",
    ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"),
    HAM10000,
    (16, 16),
    track="active",
    rare=RARE,
)
ACQUISITIONS = sorted(
    slug for slug, method in methods.registry().items() if method.tracks == ("active",)
)
VARIANTS = [
    *((slug, {}) for slug in ["erm", "crt", *ACQUISITIONS]),
    *(("clinical", {"function": f}) for f in ("flvmi", "gcmi", "logdetmi", "com")),
    *(("clinical", {"query": q}) for q in ("target", "all")),
    ("clinical", {"engine": "submodlib"}),
    ("clinical", {"shuffle": False}),
    ("glister", {"validation": "query"}),
]
EVERY = pytest.mark.parametrize(
    ("slug", "params"), VARIANTS, ids=lambda v: v if isinstance(v, str) else str(list(v.values()))
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def build(slug, **params):
    torch.manual_seed(0)
    return methods.build(slug, SPEC, **params).eval()


def seen(learner, amount, seed, target=None):
    features = torch.randn(amount, learner.num_features, generator=generator(seed))
    with torch.no_grad():
        return Seen(features, 4 * learner.score(features), target)


def scene(learner, pool=80):
    labelled = torch.arange(7).repeat(4)
    query = torch.tensor(RARE).repeat_interleave(4)
    return Scene(
        seen(learner, 28, 1, labelled), seen(learner, 12, 2, query), seen(learner, pool, 3)
    )


@pytest.fixture(scope="module")
def learner():
    return build("erm")


def is_a_choice(answer, budget, pool):
    assert answer.shape == (budget,)
    assert answer.dtype == torch.int64
    assert len(set(answer.tolist())) == budget
    assert 0 <= answer.min() <= answer.max() < pool


def test_the_registry_knows_the_acquisitions():
    expected = {"clinical", "badge", "coreset", "bald", "glister"}
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
    if slug in ("erm", "crt", "badge", "bald") or params.get("function") == "flvmi":
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


def test_supervised_methods_are_learners_and_acquire_at_random(learner):
    assert learns(methods.get("crt"))
    assert not issubclass(methods.get("erm"), Acquisition)
    given = scene(learner)
    one, other = (build(m).acquire(learner, given, 9, generator(4)) for m in ("erm", "crt"))
    assert torch.equal(one, other)


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
    ],
)
def test_bad_arguments_are_one_line(slug, params, words):
    with pytest.raises(MedtailError, match=words):
        build(slug, **params)


# Uncertainty.


def logits_of(rows):
    return torch.tensor(rows, dtype=torch.float64).clamp(min=1e-300).log().float()


PEAKED = [0.97, 0.01, 0.01, 0.01]
CLOSE = [0.49, 0.48, 0.02, 0.01]  # smallest margin
FLAT = [0.36, 0.22, 0.21, 0.21]  # largest entropy, least confidence
TABLE = [PEAKED, CLOSE, FLAT]


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("entropy_sampling", [2, 1, 0]),
        ("margin_sampling", [1, 2, 0]),
        ("least_confidence", [2, 1, 0]),
    ],
)
def test_the_uncertain_come_first(slug, expected, learner):
    pool = Seen(torch.zeros(3, 2), logits_of(TABLE))
    given = Scene(pool, pool, pool)
    assert build(slug).acquire(learner, given, 3, generator()).tolist() == expected


def test_entropy_and_margin_in_loops():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 20)
    p[3] = [1, 0, 0, 0, 0]
    expected = [-sum(x * math.log(x) for x in row if x > 0) for row in p]
    np.testing.assert_allclose(entropy(torch.tensor(p)), expected, atol=1e-12)
    expected = [sorted(row)[-1] - sorted(row)[-2] for row in p]
    np.testing.assert_allclose(margin(torch.tensor(p)), expected, atol=1e-12)


def test_the_most_confident_images_do_not_tie():
    p = probabilities(torch.tensor([[20.0, 0.0], [25.0, 0.0], [30.0, 0.0]]))
    assert len(set(entropy(p).tolist())) == 3
    assert entropy(p).isfinite().all()


def test_ties_are_drawn():
    score = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 0.0])
    picks = [highest(score, 3, generator(s)).tolist() for s in range(30)]
    assert all(p[0] == 4 and 5 not in p for p in picks)
    assert {i for p in picks for i in p[1:]} == {0, 1, 2, 3}


# BADGE.


def written_down(parts):
    return np.array([np.kron(d, h) for d, h in zip(*(p.numpy() for p in parts), strict=True)])


def test_distances_of_gradients():
    draw = generator()
    logits, features = torch.randn(9, 4, generator=draw), torch.randn(9, 5, generator=draw)
    parts = gradient_factors(logits, features, bias=False)
    whole = written_down(parts)
    expected = cdist(whole, whole[2:3], "sqeuclidean")[:, 0]
    np.testing.assert_allclose(squared_distances(parts, 2), expected, atol=1e-12)


def test_k_means_plus_plus_draws_by_squared_distance():
    """Second centres over many draws, against the distribution computed from written gradients."""
    draw = generator(1)
    logits, features = torch.randn(6, 3, generator=draw), torch.randn(6, 4, generator=draw)
    features = features * torch.tensor([3.0, 0.2, 0.5, 1.0, 1.5, 0.1])[:, None]
    parts = gradient_factors(logits, features, bias=False)
    whole = written_down(parts)
    first = int(np.linalg.norm(whole, axis=1).argmax())
    weight = cdist(whole, whole[first : first + 1], "sqeuclidean")[:, 0]
    drawn = np.zeros(6)
    for _ in range(3000):
        centers = k_means_plus_plus(parts, 2, draw)
        assert centers[0] == first
        drawn[centers[1]] += 1
    assert drawn[first] == 0
    kept = weight > 0
    assert chisquare(drawn[kept], 3000 * weight[kept] / weight.sum()).pvalue > 1e-3
    # Proportional to the distance itself would be noticed.
    plain = np.sqrt(weight[kept]) / np.sqrt(weight[kept]).sum()
    assert chisquare(drawn[kept], 3000 * plain).pvalue < 1e-3


def test_badge_takes_one_image_of_each_cluster_of_gradients(learner):
    centers = torch.tensor([[8.0, 0], [0, 8.0], [-8.0, -8.0]])
    features = centers.repeat_interleave(20, 0) + 0.01 * torch.randn(60, 2, generator=generator())
    pool = Seen(features, torch.tensor([[1.0, 0.5, 0.0]]).repeat(60, 1))
    picks = build("badge").acquire(learner, Scene(pool, pool, pool), 3, generator(3))
    assert sorted((picks // 20).tolist()) == [0, 1, 2]


def test_badge_begins_with_the_largest_gradient_of_the_weights_alone(learner):
    """Uncertain with small features, surer with large ones: a bias would turn the order round."""
    features = torch.tensor([[0.5, 0.0], [0.0, 2.0], [0.1, 0.0]])
    logits = torch.tensor([[0.1, 0.0, 0.0], [1.5, 0.0, -1.0], [0.1, 0.0, 0.0]])
    parts = gradient_factors(logits, features, bias=False)
    norms = np.linalg.norm(written_down(parts), axis=1)
    with_bias = np.linalg.norm(written_down(gradient_factors(logits, features)), axis=1)
    assert norms.argmax() == 1
    assert with_bias.argmax() == 0
    pool = Seen(features, logits)
    assert build("badge").acquire(learner, Scene(pool, pool, pool), 1, generator()).tolist() == [1]


# CoreSet.


def test_k_center_greedy_in_loops():
    rng = np.random.default_rng(0)
    points, centers = rng.normal(size=(40, 3)), rng.normal(size=(6, 3))
    chosen: list[int] = []
    for _ in range(10):
        every = [*centers, *points[chosen]]
        distance = [min(np.linalg.norm(p - c) for c in every) for p in points]
        chosen.append(int(np.argmax(distance)))
    found = k_center_greedy(torch.tensor(points), torch.tensor(centers), 10)
    assert found.tolist() == chosen
    nearest = nearest_squared_distance(torch.tensor(points), torch.tensor(centers))
    np.testing.assert_allclose(nearest, cdist(points, centers, "sqeuclidean").min(1), atol=1e-12)


def test_coreset_stays_away_from_what_is_labelled(learner):
    line = torch.arange(11.0)[:, None]
    given = Scene(Seen(line[:1], line[:1]), Seen(line, line), Seen(line, line))
    assert build("coreset").acquire(learner, given, 2, generator()).tolist() == [10, 5]


# BALD.


def test_mutual_information_in_loops():
    p = np.random.default_rng(0).dirichlet(np.ones(4), (5, 7))
    h = lambda row: -sum(x * math.log(x) for x in row)  # noqa: E731
    expected = [h(p[:, i].mean(0)) - np.mean([h(p[t, i]) for t in range(5)]) for i in range(7)]
    np.testing.assert_allclose(mutual_information(torch.tensor(p)), expected, atol=1e-12)


def test_bald_seeks_disagreement_not_uncertainty():
    agreed = torch.tensor([[0.5, 0.5]]).repeat(6, 1)
    torn = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(3, 1)
    information = mutual_information(torch.stack([agreed, torn], 1))
    assert information[0].abs() < 1e-6
    assert information[1] == pytest.approx(math.log(2), abs=1e-6)


def test_dropout_keeps_the_mean_and_drops_the_rate():
    given: list[torch.Tensor] = []

    def score(features):
        given.append(features)
        return features[:, :2]

    passes = dropout_passes(torch.ones(50, 40), score, 20, 0.25, generator())
    assert passes.shape == (20, 50, 2)
    all_given = torch.stack(given)
    assert all_given.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (all_given == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert not torch.equal(given[0], given[1])


# GLISTER.


def test_greedy_descent_in_loops_with_written_gradients():
    rng = np.random.default_rng(0)
    n, v, k, d, step = 15, 8, 3, 4, 0.7
    weight, bias = rng.normal(size=(k, d)), rng.normal(size=k)
    pool, validation = rng.normal(size=(n, d)), rng.normal(size=(v, d))
    target = rng.integers(0, k, v)

    def softmax(z):
        e = np.exp(z - z.max())
        return e / e.sum()

    def gradient(w, h, t):
        return np.outer(softmax(w @ np.r_[h, 1]) - np.eye(k)[t], np.r_[h, 1])

    start = np.c_[weight, bias]
    of_pool = [gradient(start, h, np.argmax(start @ np.r_[h, 1])) for h in pool]
    moved, chosen = start.copy(), []
    for _ in range(6):
        pairs = zip(validation, target, strict=True)
        mean = np.mean([gradient(moved, h, t) for h, t in pairs], axis=0)
        promise = [-np.inf if j in chosen else (mean * of_pool[j]).sum() for j in range(n)]
        chosen.append(int(np.argmax(promise)))
        moved = moved - step * of_pool[chosen[-1]]
    unlabelled = Seen(torch.tensor(pool), torch.tensor(pool @ weight.T + bias))
    labelled = Seen(
        torch.tensor(validation), torch.tensor(validation @ weight.T + bias), torch.tensor(target)
    )
    assert greedy_descent(unlabelled, labelled, 6, step).tolist() == chosen
    assert greedy_descent(unlabelled, labelled, 6, 1e-9).tolist() != chosen


# CLINICAL.


def test_query_rules():
    target = torch.tensor([3, 3, 3, 5, 5, 5, 6, 6])
    said = torch.tensor([1, 3, 3, 1, 1, 5, 2, 0])  # wrong: one of 3, two of 5, two of 6
    logits = torch.nn.functional.one_hot(said, 7).float()
    assert query_rows(logits, target, "all").tolist() == list(range(8))
    assert query_rows(logits, target, "misclassified").tolist() == [0, 3, 4, 6, 7]
    assert query_rows(logits, target, "target").tolist() == [3, 4]  # equal errors: the first class
    right = torch.nn.functional.one_hot(target, 7).float()
    for rule in ("misclassified", "target"):
        assert query_rows(right, target, rule).tolist() == list(range(8))


@pytest.mark.parametrize("function", ["flqmi", "flvmi", "gcmi", "logdetmi", "com"])
def test_clinical_finds_what_is_like_the_query(function, learner):
    """Ten rare images look like the query's, in features and in what the learner takes them for."""
    draw = generator(7)
    target = torch.tensor([1] * 70 + [5] * 10)
    look = torch.eye(7, learner.num_features)
    features = look[target] + 0.1 * torch.randn(80, learner.num_features, generator=draw)
    logits = torch.nn.functional.one_hot(target, 7) + 0.1 * torch.randn(80, 7, generator=draw)
    query = Seen(look[[5] * 4] + 0.01, torch.eye(7)[[1] * 4], torch.tensor([5] * 4))
    given = Scene(query, query, Seen(features, logits))
    budget = 10 if function != "flvmi" else 3  # it saturates soon
    picks = build("clinical", function=function).acquire(learner, given, budget, generator())
    assert (target[picks] == 5).float().mean() > 0.9
    assert (target[build("erm").acquire(learner, given, 10, generator())] == 5).sum() < 5


def test_clinical_reports_picks_without_gain(learner):
    method = build("clinical", function="flvmi")
    assert method.findings() == {}
    given = scene(learner)
    for _ in range(2):
        method.acquire(learner, given, 70, generator())
    found = method.findings()
    assert 0 < found["zero_gain_picks"] < 140
    wrong = (given.query.logits.argmax(1) != given.query.target).sum()
    assert found["query_images"] == float(wrong or 12)
    sound = build("clinical")
    sound.acquire(learner, given, 70, generator())
    assert sound.findings()["zero_gain_picks"] < found["zero_gain_picks"] / 2


def test_clinical_without_query_images_is_one_line(learner):
    given = scene(learner)
    empty = Seen(given.query.features[:0], given.query.logits[:0], given.query.target[:0])
    with pytest.raises(MedtailError, match="no query images"):
        build("clinical").acquire(learner, given._replace(query=empty), 3, generator())


def test_the_query_has_its_true_labels(learner):
    """With hypothesised ones instead, other images would be picked."""
    given = scene(learner)
    picks = build("clinical", query="all").acquire(learner, given, 10, generator())
    told = given.query._replace(target=given.query.logits.argmax(1))
    other = build("clinical", query="all").acquire(
        learner, given._replace(query=told), 10, generator()
    )
    assert set(picks.tolist()) != set(other.tolist())
