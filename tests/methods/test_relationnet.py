"""Relation networks: every class beside every query."""

import torch

from medtail.methods import relationnet


def test_pairs_are_every_class_beside_every_query():
    query, classes = torch.arange(6.0).view(3, 2), 10 * torch.arange(4.0).view(2, 2)
    got = relationnet.pairs(query, classes)
    for q in range(3):
        for n in range(2):
            assert got[q, n].tolist() == [*classes[n].tolist(), *query[q].tolist()]
