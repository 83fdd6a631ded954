"""Submodular mutual information: both engines against brute force from the definitions."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.submodular import information, library, search
from medtail.methods.core.submodular.information import saturated, select
from medtail.methods.core.submodular.problem import Problem
from medtail.methods.core.submodular.similarity import (
    gradient_factors,
    inner_products,
    squared_norms,
    take,
    unit,
)

N, Q, BUDGET = 60, 5, 12
FUNCTIONS = ("flqmi", "flvmi", "gcmi", "logdetmi", "com", "facility_location")
COVERAGE = ("flvmi", "facility_location")  # images that cover each other tie
EVERY = pytest.mark.parametrize("function", FUNCTIONS)
ENGINES = pytest.mark.parametrize("engine", ["vectorised", "submodlib"])
SEEDS = pytest.mark.parametrize("seed", range(4))


def vectors(seed: int, pool: int = N, query: int = Q, classes: int = 4, features: int = 6):
    """Unit gradients of a made-up learner: similarities of both signs."""
    draw = torch.Generator().manual_seed(seed)

    def some(amount, target=None):
        logits = 2 * torch.randn(amount, classes, generator=draw)
        return unit(gradient_factors(logits, torch.randn(amount, features, generator=draw), target))

    return some(pool), some(query, torch.randint(2, classes, (query,), generator=draw))


def kernels(pool, query):
    """The similarities as NumPy arrays, from gradients that are written down."""
    whole = [
        np.einsum("nk,nd->nkd", *(p.numpy() for p in parts)).reshape(len(parts[0]), -1)
        for parts in (pool, query)
    ]
    a, b = whole
    return a @ a.T, a @ b.T, b @ b.T


def value(function, chosen, s, sq, sqq, eta=1.0, ridge=1.0):
    """I_f(A; Q) in loops, from the definitions."""
    if not chosen:
        return 0.0
    n, q = sq.shape
    if function == "flqmi":
        first = sum(max(0.0, *(sq[j, k] for j in chosen)) for k in range(q))
        return first + eta * sum(max(0.0, *sq[j]) for j in chosen)
    if function == "flvmi":
        covered = [max(0.0, *(s[i, j] for j in chosen)) for i in range(n)]
        return sum(min(c, max(0.0, eta * max(sq[i]))) for i, c in enumerate(covered))
    if function == "facility_location":
        return sum(max(0.0, *(s[i, j] for j in chosen)) for i in range(n))
    if function == "gcmi":
        return sum(sq[j, k] for j in chosen for k in range(q))
    if function == "com":
        c = np.maximum(sq, 0)
        first = sum(np.log(1 + sum(c[j, k] for j in chosen)) for k in range(q))
        return first + eta * sum(np.log(1 + sum(c[j])) for j in chosen)
    # f(A) + f(Q) - f(A u Q) with f = log det, similarities between A and Q times eta
    cross = eta * sq[chosen]
    own = s[np.ix_(chosen, chosen)] + ridge * np.eye(len(chosen))
    other = sqq + ridge * np.eye(q)
    both = np.block([[own, cross], [cross.T, other]])
    return sum(w * np.linalg.slogdet(m)[1] for w, m in ((1, own), (1, other), (-1, both)))


def brute_force(function, pool, query, budget, eta=1.0, ridge=1.0):
    """Greedy by evaluating the whole function for every candidate; gains of all at each step."""
    given = kernels(pool, query)
    chosen, gains = [], []
    for _ in range(budget):
        before = value(function, chosen, *given, eta, ridge)
        left = [j for j in range(len(pool[0])) if j not in chosen]
        gain = [value(function, [*chosen, j], *given, eta, ridge) - before for j in left]
        best = int(np.argmax(np.round(gain, 9)))
        chosen.append(left[best])
        gains.append(gain[best])
    return chosen, gains


def replay(function, picks, pool, query, eta=1.0):
    """For each pick: by how much a better one was missed, from the definitions."""
    given, missed = kernels(pool, query), []
    for step, pick in enumerate(picks):
        before = list(picks[:step])
        gains = {
            j: value(function, [*before, j], *given, eta)
            for j in range(len(pool[0]))
            if j not in before
        }
        missed.append(max(gains.values()) - gains[pick])
    return missed


@EVERY
@SEEDS
def test_our_engine_gives_what_brute_force_gives(function, seed):
    pool, query = vectors(seed)
    picks, gains = select(function, pool, query, BUDGET, engine="vectorised")
    expected, expected_gains = brute_force(function, pool, query, BUDGET)
    active = sum(g > 1e-6 for g in expected_gains) if function == "flvmi" else BUDGET
    assert picks[:active].tolist() == expected[:active]
    np.testing.assert_allclose(gains, expected_gains, atol=1e-5)


@EVERY
@SEEDS
def test_submodlib_gives_what_brute_force_gives(function, seed):
    pool, query = vectors(seed)
    picks, gains = select(function, pool, query, BUDGET, engine="submodlib")
    _, expected = brute_force(function, pool, query, BUDGET)
    np.testing.assert_allclose(gains, expected, atol=1e-5)
    assert max(replay(function, picks.tolist(), pool, query)) < 1e-5


@ENGINES
@pytest.mark.parametrize("eta", [0.4, 1.0])
@pytest.mark.parametrize("ridge", [0.05, 1.0])
def test_eta_and_ridge_of_logdetmi(engine, eta, ridge):
    pool, query = vectors(0)
    options = {"eta": eta, "ridge": ridge}
    picks, gains = select("logdetmi", pool, query, BUDGET, engine=engine, **options)
    expected, expected_gains = brute_force("logdetmi", pool, query, BUDGET, **options)
    assert picks.tolist() == expected
    np.testing.assert_allclose(gains, expected_gains, atol=1e-4)


@ENGINES
@pytest.mark.parametrize("function", ["flqmi", "flvmi", "com"])
@pytest.mark.parametrize("eta", [0.3, 2.0, 50.0])
def test_eta_weighs_the_query(engine, function, eta):
    pool, query = vectors(1)
    _, gains = select(function, pool, query, BUDGET, engine=engine, eta=eta)
    _, expected = brute_force(function, pool, query, BUDGET, eta=eta)
    np.testing.assert_allclose(gains, expected, atol=1e-5, rtol=1e-6)
    _, other = brute_force(function, pool, query, BUDGET)
    assert not np.allclose(gains, other, atol=1e-3)


@EVERY
@pytest.mark.parametrize("budget", [30, 200])
def test_the_engines_agree_on_a_larger_pool(function, budget):
    """Their picks are equal, or both greedy where images that cover each other tie."""
    pool, query = vectors(7, pool=400, query=12, classes=7, features=16)
    ours, gains = select(function, pool, query, budget, engine="vectorised")
    theirs, others = select(function, pool, query, budget, engine="submodlib")
    assert float(gains.sum()) == pytest.approx(float(others.sum()), rel=1e-4)
    if function not in COVERAGE:
        assert ours.tolist() == theirs.tolist()
        torch.testing.assert_close(gains, others, atol=1e-4, rtol=1e-4)
        return
    s, sq, _ = kernels(pool, query)
    cap = np.maximum(sq.max(1), 0) if function == "flvmi" else np.inf
    for picks in (ours, theirs):
        covered = np.zeros(400)
        for step, pick in enumerate(picks.tolist()):
            gain = np.minimum(np.maximum(s, covered), np.maximum(cap, covered)) - covered
            gain = gain.sum(1)
            gain[picks[:step]] = -1
            assert gain.max() - gain[pick] < 1e-4
            covered = np.maximum(covered, np.minimum(s[pick], cap))


@EVERY
@ENGINES
def test_the_whole_pool_can_be_picked(function, engine):
    pool, query = vectors(3, pool=20)
    picks, gains = select(function, pool, query, 20, engine=engine)
    assert sorted(picks.tolist()) == list(range(20))
    whole = value(function, list(range(20)), *kernels(pool, query))
    assert float(gains.sum()) == pytest.approx(whole, abs=1e-4)
    one, _ = select(function, take(pool, slice(0, 1)), query, 1, engine="vectorised")
    assert one.tolist() == [0]


@EVERY
def test_equal_images_go_in_the_order_of_the_pool(function):
    exact = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    same = (exact[[0] * 9], exact[[1] * 9])
    picks, _ = select(function, same, (exact[:1], exact[1:]), 5, engine="vectorised")
    assert picks.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("block", [1, 3, 1024])
def test_the_size_of_blocks_changes_nothing(monkeypatch, block):
    pool, query = vectors(2, pool=150)
    usual = [select(f, pool, query, 40, engine="vectorised") for f in FUNCTIONS]
    monkeypatch.setattr(search, "BLOCK", block)
    monkeypatch.setattr(search, "FEW", block)
    for function, (picks, gains) in zip(FUNCTIONS, usual, strict=True):
        again, anew = select(function, pool, query, 40, engine="vectorised")
        assert float(gains.sum()) == pytest.approx(float(anew.sum()), rel=1e-5)
        if function not in COVERAGE:
            assert again.tolist() == picks.tolist()


# The traps of clinical.md, section 2.4.


def ordered_pool():
    """A pool sorted by class: of its images only the first few are like the query."""
    draw = torch.Generator().manual_seed(0)
    target = torch.arange(4).repeat_interleave(50)
    features = F.one_hot(target, 4) + 0.05 * torch.rand(200, 4, generator=draw)
    pool = unit((features.double(),))
    return pool, unit((features[:3].double(),)), target


@ENGINES
def test_flvmi_saturates_and_then_picks_by_position(engine):
    """In class order, what has no gain left is one class: the last of submodlib, ours the first."""
    pool, query, target = ordered_pool()
    query = unit((torch.eye(4)[1:2].double(),))
    picks, gains = select("flvmi", pool, query, 40, engine=engine)
    idle = picks[gains < information.ZERO]
    assert saturated(gains) == len(idle) >= 20
    assert gains[: 40 - len(idle)].min() > information.ZERO
    by_position = 3 if engine == "submodlib" else 0
    assert (target[idle] == by_position).float().mean() > 0.9
    shuffle = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    shuffled, _ = select("flvmi", take(pool, shuffle), query, 40, engine=engine)
    counts = target[shuffle[shuffled]].bincount(minlength=4)
    assert (counts >= 3).all()


@pytest.mark.parametrize("function", ["flqmi", "gcmi", "logdetmi", "com"])
@pytest.mark.parametrize("engine", ["vectorised", "submodlib"])
def test_the_others_do_not_depend_on_order(function, engine):
    pool, query = vectors(5, pool=200)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(2))
    straight, _ = select(function, pool, query, 30, engine=engine)
    shuffled, _ = select(function, take(pool, order), query, 30, engine=engine)
    assert order[shuffled].tolist() == straight.tolist()


def test_logdetmi_is_not_submodular_and_is_not_searched_lazily():
    """Where a lazy search goes wrong, both engines still find the greedy answer."""
    differs = 0
    for seed in range(6):
        pool, query = vectors(seed)
        problem = Problem("logdetmi", pool, query, 1.0, 0.01)
        lazy, _ = library.maximise(problem, BUDGET, "LazyGreedy")
        expected, _ = brute_force("logdetmi", pool, query, BUDGET, ridge=0.01)
        for engine in ("submodlib", "vectorised"):
            picks, _ = select("logdetmi", pool, query, BUDGET, ridge=0.01, engine=engine)
            assert picks.tolist() == expected
        differs += lazy != expected
    assert differs


@ENGINES
def test_com_counts_no_negative_similarity(engine):
    """Signed kernels would give NaN, on which submodlib's LazyGreedy never returns."""
    pool, query = vectors(0)
    assert (inner_products(pool, query) < -0.5).any()
    _, gains = select("com", pool, query, N, engine=engine)
    assert gains.isfinite().all()
    assert (gains > -1e-9).all()


@EVERY
@ENGINES
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_are_refused(function, engine, bad):
    pool, query = vectors(0)
    pool[1][3, 0] = bad
    with pytest.raises(MedtailError, match=f"{function}: .*not finite"):
        select(function, pool, query, 3, engine=engine)


@ENGINES
@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        ("logdetmi", {"eta": 1.4}, "eta must be at most 1"),
        ("logdetmi", {"ridge": 0.0}, "above 0"),
        ("flqmi", {"eta": float("nan")}, "above 0 and finite"),
        ("flqmi", {"eta": -1.0}, "above 0"),
        ("flqmi", {"budget": N + 1}, "61 images cannot be picked from 60"),
        ("flqmi", {"budget": 0}, "0 images"),
        ("flmi", {}, "unknown submodular function"),
    ],
)
def test_bad_arguments_are_one_line(function, options, words, engine):
    pool, query = vectors(0)
    budget = options.get("budget", 3)
    options = {k: v for k, v in options.items() if k != "budget"}
    with pytest.raises(MedtailError, match=words):
        select(function, pool, query, budget, engine=engine, **options)


def test_an_empty_query_and_an_unknown_engine_are_refused():
    pool, query = vectors(0)
    with pytest.raises(MedtailError, match="query set is empty"):
        select("gcmi", pool, take(query, slice(0, 0)), 3)
    with pytest.raises(MedtailError, match="unknown engine"):
        select("gcmi", pool, query, 3, engine="fast")
    picks, _ = select("facility_location", pool, take(query, slice(0, 0)), 3)
    assert len(picks) == 3


def test_a_wrong_answer_of_submodlib_is_an_error(monkeypatch):
    class Broken:
        def maximize(self, *_, **__):
            return [(-1, -1.8e308), (-1, -1.8e308)]

    monkeypatch.setattr(library, "_build", lambda _: Broken())
    with pytest.raises(MedtailError, match="submodlib found no 2 images"):
        select("flqmi", *vectors(0), 2, engine="submodlib")


def test_auto_takes_the_engine_that_was_measured_to_be_faster(monkeypatch):
    used = []
    for name, module in (("submodlib", library), ("vectorised", search)):
        monkeypatch.setattr(
            module, "maximise", lambda p, b, name=name: (used.append(name), ([0] * b, [0.0] * b))[1]
        )
    pool, query = vectors(0, pool=2000, query=10)
    for function, budget in (("flqmi", 100), ("flqmi", 500), ("com", 500), ("logdetmi", 500)):
        select(function, pool, query, budget)
    assert used == ["vectorised", "submodlib", "submodlib", "vectorised"]


# Gradients and their products.


def test_gradient_factors_are_those_of_autograd():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(5, 3, generator=draw, dtype=torch.float64)
    target = torch.tensor([0, 3, 1, 1, 2])
    layer = torch.nn.Linear(3, 4).double()
    for labels in (target, None):
        logits = layer(features)
        used = logits.argmax(1) if labels is None else labels
        d, h = gradient_factors(logits.detach(), features, labels)
        _, plain = gradient_factors(logits.detach(), features, labels, bias=False)
        for i in range(5):
            layer.zero_grad()
            F.cross_entropy(layer(features[i : i + 1]), used[i : i + 1]).backward()
            torch.testing.assert_close(torch.outer(d[i], h[i])[:, 0], layer.bias.grad)
            torch.testing.assert_close(torch.outer(d[i], h[i])[:, 1:], layer.weight.grad)
            torch.testing.assert_close(torch.outer(d[i], plain[i]), layer.weight.grad)


def test_products_of_factors_are_products_of_gradients():
    draw = torch.Generator().manual_seed(1)
    a = (torch.randn(6, 3, generator=draw), torch.randn(6, 4, generator=draw))
    b = (torch.randn(5, 3, generator=draw), torch.randn(5, 4, generator=draw))
    left, right = (
        np.array([np.kron(u, v) for u, v in zip(*map(np.array, p), strict=True)]) for p in (a, b)
    )
    np.testing.assert_allclose(inner_products(a, b), left @ right.T, atol=1e-5)
    np.testing.assert_allclose(squared_norms(a), (left**2).sum(1), rtol=1e-5)
    cosine = left @ right.T / np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
    np.testing.assert_allclose(inner_products(unit(a), unit(b)), cosine, atol=1e-6)


def test_a_confident_image_still_has_a_direction():
    """1 - p rounds to 0 where the other classes' probabilities do not."""
    logits = torch.tensor([[50.0, 0.0, 0.0], [50.0, 0.0, -300.0]], dtype=torch.float64)
    d, _ = unit(gradient_factors(logits, torch.ones(2, 2)))
    expected = torch.tensor([[-2.0, 1.0, 1.0], [-1.0, 1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(d, F.normalize(expected, dim=1), atol=1e-12, rtol=0)


def test_similarity_to_a_wrong_query_has_the_sign_of_the_prediction():
    """A rare query called common is like images called rare, and unlike images called common."""
    query = gradient_factors(torch.tensor([[3.0, 0.0]]), torch.ones(1, 2), torch.tensor([1]))
    pool = gradient_factors(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.ones(2, 2))
    similarity = inner_products(unit(pool), unit(query))[:, 0]
    torch.testing.assert_close(similarity, torch.tensor([1.0, -1.0], dtype=torch.float64))
