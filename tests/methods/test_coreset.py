"""CoreSet: the greedy k centres, in loops."""

import numpy as np
import torch
from scipy.spatial.distance import cdist

from medtail.methods.core.scene import Scene, Seen
from medtail.methods.coreset import k_center_greedy, nearest_squared_distance
from tests.methods.active import build, generator


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
