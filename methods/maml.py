"""MAML: an initialisation from which a few gradient steps learn a task.

Paper: Finn, Abbeel, Levine, "Model-agnostic meta-learning for fast adaptation of deep networks",
    ICML 2017, section 2.2 and algorithm 2.
Equations: phi'_i = phi - gamma grad L_i(phi) on the support set, repeated; phi is moved by the
    gradient of sum_i L_i(phi'_i) on the query sets, through the steps (``first_order``: without
    their second derivatives, section 5.2).
Deviations: BatchNorms take their statistics from the support set, so that queries are judged by
    themselves; ``statistics="query"`` is the form of the authors' code, in which all queries are
    normalised together (transductive). The mean over tasks, not the sum: Adam's step is the same.
    The rate falls by the suite's cosine. The head has an output for each label of an episode;
    labels are permuted, so that it can learn no class by heart.
Status: faithful.
"""

from .core.few_shot.base import MetaLearner


class MAML(MetaLearner):
    """Second order by default; all weights are adapted."""

    paper = "Finn et al. 2017"
