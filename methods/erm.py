"""Empirical risk minimisation: plain cross-entropy on the data as it is.

Paper: the baseline of every paper of the field; Vapnik, "Principles of risk minimization", NIPS
    1991.
Equations: L = 1/B sum_i -log softmax(s_i)_{y_i}.
Deviations: none.
Status: faithful.
"""

from .core.base import Method


class ERM(Method):
    """Cross-entropy. Nothing is overridden.

    An epoch sees every training image at most once: the rest of the last batch is left out.
    """

    paper = "cross-entropy"
