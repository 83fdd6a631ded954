"""Prototypical networks: prototypes and distances in loops."""

import numpy as np
import torch

from medtail.methods import protonet


def test_prototypes_and_distances():
    rng = np.random.default_rng(0)
    features, target, query = (
        rng.normal(size=(6, 4)),
        np.array([2, 0, 1, 2, 1, 0]),
        rng.normal(size=(5, 4)),
    )
    centres = np.stack([features[target == n].mean(0) for n in range(3)])
    got = protonet.prototypes(torch.tensor(features), torch.tensor(target), 3)
    np.testing.assert_allclose(got, centres, rtol=1e-6)
    expected = [[-(np.linalg.norm(q - c) ** 2) for c in centres] for q in query]
    logits = protonet.negative_distances(torch.tensor(query), torch.tensor(centres))
    np.testing.assert_allclose(logits, expected)
    assert logits.argmax(1).tolist() == np.argmin(-np.array(expected), 1).tolist()
