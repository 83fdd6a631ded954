"""Power acquisition: scores as a distribution to draw from, not as an order.

Kirsch et al., "Stochastic batch acquisition: a simple baseline for deep active learning", TMLR 2023
(arXiv 2106.12059).
"""

import torch
from torch import Tensor

FLOOR = 1e-12  # of scores, which rounding may leave at or below 0


def power_draw(score: Tensor, budget: int, beta: float, generator: torch.Generator) -> Tensor:
    """Positions [budget] drawn without replacement with probabilities proportional to a^beta.

    The largest of beta log a_i + G_i, G_i independent standard Gumbel.

    Args:
        score: a, [N].
        budget: at most N.
        beta: sharpness; 0 draws uniformly, towards infinity the largest scores come first.
        generator: of the G.
    """
    uniform = torch.rand(len(score), dtype=torch.float64, generator=generator)
    gumbel = -(-uniform.log()).log()
    noisy = beta * score.double().cpu().clamp(min=FLOOR).log() + gumbel
    return noisy.topk(budget).indices
