"""PowerBALD: draw what dropout's sub-networks disagree on, instead of taking the top.

Paper: Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning",
    TMLR 2023 (arXiv 2106.12059).
Equations: the b largest of log a_i + G_i / beta, G_i ~ Gumbel(0, 1), which are b draws without
    replacement with p ~ a^beta; a is BALD's mutual information, see ``bald``.
Code: the noise as in MIC-DKFZ/nnActive @f09a05c, strategies/utils.py.
Deviations: beta is 1 (recalled, not read). The passes are ``bald``'s, with dropout on the features
    when acquiring only. Scores below 1e-12 count as 1e-12.
Status: reconstruction.
"""

from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .bald import PASSES, dropout_passes, mutual_information
from .core.active.base import Acquisition
from .core.active.power import power_draw
from .core.base import Common, Method, Scene
from .core.checks import check_interval


class PowerBALD(Acquisition):
    """Draws by the mutual information of dropout's passes.

    Args:
        spec: the data.
        beta: sharpness, at least 0; 0 draws uniformly.
        rate: share of the features that are dropped.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Kirsch et al. 2023"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        beta: float = 1.0,
        rate: float = 0.5,
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", beta=beta)
        check_interval(self, "(0, 1)", rate=rate)
        super().__init__(spec, learner=learner, **common)
        self.beta, self.rate = beta, rate

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        passes = dropout_passes(scene.pool.features, learner.score, PASSES, self.rate, generator)
        return power_draw(mutual_information(passes), budget, self.beta, generator)
