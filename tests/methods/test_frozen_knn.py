"""Nearest neighbours of frozen features: votes in loops and against scikit-learn."""

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F

from medtail.methods import frozen_knn
from tests.methods.few_shot import build, episodes, support_of


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_votes_are_those_of_scikit_learn():
    known, query, target = drawn(12, 4), drawn(30, 4, seed=1), torch.arange(12) % 3
    for k in (1, 2, 5, 12):
        model = KNeighborsClassifier(k, weights="distance").fit(known.numpy(), target.numpy())
        found = frozen_knn.votes(query, known, target, k)
        np.testing.assert_allclose(found, model.predict_proba(query.numpy()), atol=1e-4)


def test_few_images_all_vote_and_the_nearer_ones_count_more():
    known, target = torch.tensor([[0.0], [3.0]]), torch.tensor([0, 1])
    found = frozen_knn.votes(torch.tensor([[1.0], [1.5]]), known, target, 5)
    torch.testing.assert_close(found, torch.tensor([[2 / 3, 1 / 3], [0.5, 0.5]]))
    same = frozen_knn.votes(known, known, target, 5)
    assert (same.diagonal() > 0.999).all()


def test_an_episode_votes_by_directions_of_frozen_features():
    method, batch = build("frozen_knn").eval(), episodes()
    erm = build("erm").eval()
    assert not method.load_state_dict(erm.state_dict(), strict=False).unexpected_keys
    with torch.no_grad():
        f = F.normalize(erm.features(batch.image[0])).double()
    model = KNeighborsClassifier(5, weights="distance").fit(f[:6], batch.target[0, :6])
    found = method.adapt(support_of(batch))(batch.image[0, 6:])
    np.testing.assert_allclose(found.exp(), model.predict_proba(f[6:]), atol=1e-3)
    assert [(s.by, s.share) for s in method.stages] == [("erm", 1.0)]


def test_k_matters():
    batch = episodes(seed=2)
    answers = [
        build("frozen_knn", k=k).eval().adapt(support_of(batch))(batch.image[0, 6:]) for k in (1, 6)
    ]
    assert not torch.allclose(*answers)
