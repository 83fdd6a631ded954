"""SAM: steps by the gradient where the loss is largest nearby, for flat minima.

Paper: Foret et al., "Sharpness-aware minimization for efficiently improving generalization", ICLR
    2021, https://arxiv.org/abs/2010.01412; code (davda54/sam @3c3afdb, sam.py), not the authors'.
    Adaptive: Kwon et al., "ASAM", ICML 2021, https://arxiv.org/abs/2102.11600.
Equations: g = grad L(w); e = rho g / ||g||, adaptive e = rho w^2 g / || |w| g ||; the step of the
    suite's optimiser at w with grad L(w + e). The norm is over all that is trained.
Deviations: two passes a step, so twice the time. Draws are repeated in the second, and running
    statistics are those of the first. g is that of the global batch, where the paper climbs on each
    device by its own.
Status: faithful.
"""

from typing import Any, ClassVar, Unpack

from medtail.datamodules.core.contract import DataSpec

from .core.base import Common
from .core.checks import check_flags
from .core.ranges import Range
from .core.sharpness import Climber, Closure, climb, climb_back


class SAM(Climber):
    """Cross-entropy at the top of the hill nearby.

    Args:
        spec: the data.
        rho: how far it climbs; about ten times as far where adaptive.
        adaptive: in units of the weights.
        common: see ``Method``.
    """

    paper = "Foret et al. 2021"
    ranges: ClassVar = {"rho": Range(0.01, 0.5, log=True)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        rho: float = 0.05,
        adaptive: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_flags(self, adaptive=adaptive)
        super().__init__(spec, rho=rho, **common)
        self.adaptive = adaptive

    def passes(self, closure: Closure) -> Closure:
        """The gradient at w to climb by, then that of the top."""
        closure()
        saved = climb(self, self.rho, adaptive=self.adaptive)

        def top() -> Any:  # noqa: ANN401 - Lightning's own
            try:
                return self.once_more(closure)
            finally:
                climb_back(saved)

        return top
