"""CLINICAL: which images are the query, what is like them, and what is reported."""

import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.clinical import query_rows, with_found
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.core.submodular.information import partition, select
from medtail.methods.core.submodular.similarity import gradient_factors, gradients, take, unit
from tests.methods.active import RARE, build, generator, scene


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


FUNCTIONS = ("flqmi", "flvmi", "gcmi", "logdetmi", "com")


def as_before(given, function, budget, draw):
    """What ``clinical`` did before it had more arguments."""
    order = torch.randperm(len(given.pool.features), generator=draw)
    pool = unit(gradient_factors(given.pool.logits, given.pool.features))
    seen = given.query
    rows = query_rows(seen.logits, seen.target, "misclassified")
    query = unit(gradient_factors(seen.logits[rows], seen.features[rows], seen.target[rows]))
    picks, _ = select(function, take(pool, order), query, budget)
    return order[picks].tolist()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_at_its_defaults_it_picks_what_it_picked_before(function, learner):
    given = scene(learner)
    flagged = given._replace(chosen=torch.ones(28, dtype=torch.bool))
    expected = as_before(given, function, 20, generator(4))
    for seen in (given, flagged):
        picks = build("clinical", function=function).acquire(learner, seen, 20, generator(4))
        assert picks.tolist() == expected
    if function != "flvmi":  # which ties
        naive = build("clinical", function=function, greedy="naive")
        assert naive.acquire(learner, given, 20, generator(4)).tolist() == expected


@pytest.mark.parametrize("kind", ["bias", "linear", "bias_linear"])
def test_gradients_are_those_of_the_bias_the_weights_or_both(kind):
    logits, h = torch.randn(5, 4, generator=generator(1)), torch.randn(5, 3, generator=generator(2))
    target = torch.tensor([0, 3, 1, 1, 2])
    layer = torch.nn.Linear(3, 4).double()
    parts = gradients(logits, h, target, kind)
    for i in range(5):
        layer.zero_grad()
        said = layer(h[i].double()) + (logits[i].double() - layer(h[i].double())).detach()
        torch.nn.functional.cross_entropy(said, target[i]).backward()
        weight, bias = layer.weight.grad, layer.bias.grad
        wanted = {"bias": bias[:, None], "linear": weight}.get(
            kind, torch.cat([bias[:, None], weight], 1)
        )
        found = torch.outer(*(p[i] for p in parts)) if len(parts) == 2 else parts[0][i][:, None]
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_kind_of_gradient_picks_and_not_the_same(function, learner):
    given = scene(learner)
    picks = {
        kind: build("clinical", function=function, gradient=kind).acquire(
            learner, given, 12, generator()
        )
        for kind in ("bias", "linear", "bias_linear")
    }
    assert all(len(set(p.tolist())) == 12 for p in picks.values())
    assert set(picks["bias"].tolist()) != set(picks["bias_linear"].tolist())


def test_the_query_grows_by_chosen_images_that_are_rare(learner):
    given = scene(learner)
    chosen = torch.zeros(28, dtype=torch.bool)
    chosen[[3, 4, 5, 12]] = True  # of the classes 3, 4, 5, 5
    grown = with_found(given.query, given.labelled, chosen, RARE)
    assert grown.target.tolist() == [*given.query.target.tolist(), 3, 5, 5]
    rows = [3, 5, 12]
    torch.testing.assert_close(grown.features[-3:], given.labelled.features[rows])
    torch.testing.assert_close(grown.logits[-3:], given.labelled.logits[rows])
    method = build("clinical", query="all", grow=True)
    sizes = []
    for flags in (None, torch.zeros(28, dtype=torch.bool), chosen):
        method.acquire(learner, given._replace(chosen=flags), 5, generator())
        sizes.append(method.query_sizes[-1])
    assert sizes == [12, 12, 15]
    right = given.labelled._replace(
        logits=torch.nn.functional.one_hot(given.labelled.target, 7).float()
    )
    ruled = build("clinical", grow=True)
    wrong = int((given.query.logits.argmax(1) != given.query.target).sum())
    ruled.acquire(learner, given._replace(chosen=chosen, labelled=right), 5, generator())
    assert ruled.query_sizes == [wrong], "what is found is under the rule, too"


def test_the_ridge_is_logdetmis(learner):
    given = scene(learner)
    picks = [
        build("clinical", function="logdetmi", ridge=ridge)
        .acquire(learner, given, 20, generator())
        .tolist()
        for ridge in (1.0, 0.01)
    ]
    assert set(picks[0]) != set(picks[1])


def test_each_part_of_the_pool_has_its_share(learner):
    given = scene(learner)
    method = build("clinical", partitions=4, shuffle=False)
    picks = method.acquire(learner, given, 10, generator())
    parts = partition(80, 10, 4)
    assert [((picks >= r.start) & (picks < r.stop)).sum().item() for r, _ in parts] == [
        wanted for _, wanted in parts
    ]
    alone = given._replace(pool=Seen(given.pool.features[20:40], given.pool.logits[20:40]))
    second = build("clinical", shuffle=False).acquire(learner, alone, parts[1][1], generator())
    first = parts[0][1]
    assert picks[first : first + len(second)].tolist() == (second + 20).tolist()
    with pytest.raises(MedtailError, match="4 partitions are more than the 3 images"):
        method.acquire(learner, given, 3, generator())


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"gradient": "weight"}, "unknown gradient of clinical 'weight'"),
        ({"greedy": "eager"}, "unknown greedy search of clinical 'eager'"),
        ({"grow": "yes"}, "clinical: grow must be true or false"),
        ({"shuffle": 1}, "clinical: shuffle must be true or false"),
        ({"ridge": 0.5}, "ridge goes with function=logdetmi"),
        ({"function": "logdetmi", "ridge": 0.0}, r"ridge must be in \(0, inf\)"),
        ({"partitions": 0}, "partitions must be a whole number from 1"),
        ({"partitions": 2.0}, "partitions must be a whole number from 1"),
    ],
)
def test_a_mistake_is_one_line(params, words):
    with pytest.raises(MedtailError, match=words):
        build("clinical", **params)
