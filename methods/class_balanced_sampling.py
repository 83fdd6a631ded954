"""Class-balanced sampling: every class is drawn equally often.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 3.
Equations: 1 with q = 0: p_c = n_c^q / sum_j n_j^q = 1 / K, then uniform within the class.
Deviations: an epoch has as many steps as without resampling; class-aware samplers in the field
    lengthen it to K max_c n_c draws, which would be a larger budget.
Status: faithful.
"""

from medtail.datamodules.core.contract import DataRequest

from .core.base import Method, Stage


class ClassBalancedSampling(Method):
    """Cross-entropy on class-balanced batches."""

    paper = "Kang et al. 2020"

    def request(self, stage: Stage) -> DataRequest:
        """Each class with the same probability."""
        return DataRequest(sampler="class_balanced")
