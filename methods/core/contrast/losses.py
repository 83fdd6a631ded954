"""Contrastive losses with labels, as pure functions of embeddings of unit length.

They run in float32 where the network runs in bfloat16: similarities are divided by temperatures of
a tenth and less, which would make their rounding as large as the differences that count.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..precision import without_autocast


def _similarity(anchors: Tensor, candidates: Tensor, tau: float) -> Tensor:
    """Cosines / tau, [N, M]; the first N candidates are the anchors, none is its own candidate."""
    cosines = anchors @ candidates.T / tau
    itself = torch.eye(*cosines.shape, dtype=torch.bool, device=cosines.device)
    return cosines.masked_fill(itself, -torch.inf)


def _positive(target: Tensor, candidates: Tensor) -> Tensor:
    """Whether a candidate has the anchor's class and is another, [N, M]."""
    same = target[:, None] == candidates
    itself = torch.eye(*same.shape, dtype=torch.bool, device=same.device)
    return same & ~itself


@without_autocast
def supcon_loss(features: Tensor, target: Tensor, tau: float) -> Tensor:
    """-1/|P(i)| sum_{p in P(i)} log( exp(z_i.z_p / tau) / sum_{a != i} exp(z_i.z_a / tau) ).

    Args:
        features: z, [N, D], all views.
        target: [N].
        tau: temperature.

    Returns:
        Mean over the anchors that have a positive, a scalar; 0 if none has.
    """
    positive = _positive(target, target)
    share = _similarity(features, features, tau).log_softmax(1).masked_fill(~positive, 0)
    amount = positive.sum(1)
    return -(share.sum(1) / amount.clamp(min=1)).sum() / (amount > 0).sum().clamp(min=1)


@without_autocast
def balanced_supcon_loss(
    features: Tensor, target: Tensor, prototypes: Tensor, tau: float
) -> Tensor:
    """SupCon whose denominator sums over classes the mean exponential of each class.

    -1/|P(i)| sum_{p in P(i)} log( exp(z_i.z_p / tau) / sum_c 1/|B_c| sum_{a in B_c} exp(z_i.z_a /
    tau) ), B_c the features of class c but the anchor, and its prototype; P(i) = B_{y_i}.

    Args:
        features: z, [N, D], all views.
        target: [N].
        prototypes: [K, D], one of each class.
        tau: temperature.

    Returns:
        Mean over all anchors, a scalar.
    """
    classes = torch.arange(len(prototypes), device=target.device)
    label = torch.cat([target, classes])
    similarity = _similarity(features, torch.cat([features, prototypes]), tau)
    positive = _positive(target, label)
    own = target[:, None] == label
    # Without the anchor itself; a prototype is always left.
    members = (label.bincount(minlength=len(classes))[label] - own.long()).to(similarity)
    total = (similarity - members.log()).logsumexp(1, keepdim=True)
    share = (similarity - total).masked_fill(~positive, 0)
    return -(share.sum(1) / positive.sum(1)).mean()


@without_autocast
def parametric_contrastive_loss(
    logits: Tensor,
    query: Tensor,
    target: Tensor,
    keys: tuple[Tensor, Tensor],
    tau: float,
    alpha: float,
    instances: tuple[Tensor, float] | None = None,
) -> Tensor:
    """PaCo's loss, and ProCo's where there are proto-instances.

    -[ (u_{i,y} - log D_i) + alpha sum_{j in Pos(i)} (v_ij - log D_i) + eta (t_{i,y} - log D_i) ]
    / ( 1 + alpha |Pos(i)| + eta ), log D_i the log-sum-exp of all u_ic, v_ij (j != i) and t_ic.

    Args:
        logits: u, [B, K]: of the linear classifier, the log prior added.
        query: q, [B, D].
        target: [B].
        keys: z, [M, D], and their classes [M]; the other queries are candidates, too.
        tau: temperature, v_ij = q_i.z_j / tau.
        alpha: weight of a positive pair.
        instances: t, [B, K], the logits of an anchor's proto-instances, and their weight eta.

    Returns:
        Mean over the queries, a scalar.
    """
    candidates, label = torch.cat([query, keys[0]]), torch.cat([target, keys[1]])
    own = F.one_hot(target, logits.shape[1]).to(logits)
    scores = [logits, _similarity(query, candidates, tau)]
    weights = [own, alpha * _positive(target, label).to(logits)]
    if instances is not None:
        scores.append(instances[0])
        weights.append(instances[1] * own)
    weight = torch.cat(weights, 1)
    share = torch.cat(scores, 1).log_softmax(1).masked_fill(weight == 0, 0)
    return -((weight * share).sum(1) / weight.sum(1)).mean()
