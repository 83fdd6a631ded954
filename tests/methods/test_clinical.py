"""CLINICAL: which images are the query, what is like them, and what is reported."""

import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.clinical import query_rows
from medtail.methods.core.scene import Scene, Seen
from tests.methods.active import build, generator, scene


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
