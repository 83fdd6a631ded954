"""Square-root sampling: classes drawn in proportion to the root of their size.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 3; first in Mikolov et al., NIPS 2013, and Mahajan et al., ECCV 2018.
Equations: 1 with q = 1/2: p_c = n_c^q / sum_j n_j^q, then uniform within the class.
Deviations: none.
Status: faithful.
"""

from medtail.datamodules.core.contract import DataRequest

from .core.base import Method, Stage


class SquareRootSampling(Method):
    """Cross-entropy on batches between the natural and the balanced distribution."""

    paper = "Kang et al. 2020"

    def request(self, stage: Stage) -> DataRequest:
        """Each class in proportion to the root of its count."""
        return DataRequest(sampler="square_root")
