"""FASS: of the most uncertain images those that stand for the others.

Paper: Wei, Iyer, Bilmes, "Submodularity in data subset selection and active learning", ICML 2015,
    "filtered active submodular selection"; the filter as in distil, ``fass.py`` (decile-team/distil
    at 0328a2d).
Equations: the beta B images of the largest entropy, beta = 5, are the ground set V; of them B that
    maximise f(A) = sum_{i in V} max_{j in A, t_j = t_i} S_ij greedily, t the hypothesised classes:
    the paper's function for nearest neighbours.
Deviations: S are cosines of features, no less than 0; the paper has distances below the largest
    one, of its own features. Of equal gains the more uncertain image is taken, of equal entropies a
    drawn one. The paper's text was not at hand.
Status: reconstruction.
"""

from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec

from .core.active.base import Acquisition, highest, probabilities
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .core.scene import Seen
from .core.submodular.information import select
from .core.submodular.similarity import unit
from .entropy_sampling import entropy


def representatives(seen: Seen, amount: int) -> Tensor:
    """Distinct positions [amount], greedily, of equal gains the first."""
    classes = F.one_hot(seen.logits.argmax(1), seen.logits.shape[1])
    pool = (classes.double(), *unit((seen.features.double(),)))
    picks, _ = select("facility_location", pool, (), amount, engine="vectorised")
    return picks


class FASS(Acquisition):
    """Uncertain first, then facility location.

    Args:
        spec: the data.
        beta: images that pass the filter for each that is chosen.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Wei et al. 2015"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        beta: float = 5.0,
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[1, inf)", beta=beta)
        super().__init__(spec, learner=learner, **common)
        self.beta = beta

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        uncertain = entropy(probabilities(scene.pool.logits))
        rows = highest(uncertain, int(self.beta * budget), generator)
        kept = Seen(scene.pool.features[rows], scene.pool.logits[rows])
        return rows[representatives(kept, budget)]
