"""PowerMargin: draw images whose two best classes are close, instead of taking the closest.

Paper: Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning",
    TMLR 2023 (arXiv 2106.12059).
Equations: the b largest of log a_i + G_i / beta, G_i ~ Gumbel(0, 1), which are b draws without
    replacement with p ~ a^beta; a = 1 - (p_(1) - p_(2)).
Code: the noise as in MIC-DKFZ/nnActive @f09a05c, strategies/utils.py.
Deviations: the score a of margins is ours; beta is 1 (recalled, not read). Scores below 1e-12 count
    as 1e-12.
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec

from .core.active.base import Acquisition, probabilities
from .core.active.power import power_draw
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .margin_sampling import margin


class PowerMargin(Acquisition):
    """Draws by the closeness of the two best classes.

    Args:
        spec: the data.
        beta: sharpness, at least 0; 0 draws uniformly.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Kirsch et al. 2023"

    def __init__(
        self, spec: DataSpec, *, beta: float = 1.0, learner: str = "erm", **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[0, inf)", beta=beta)
        super().__init__(spec, learner=learner, **common)
        self.beta = beta

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        close = 1 - margin(probabilities(scene.pool.logits))
        return power_draw(close, budget, self.beta, generator)
