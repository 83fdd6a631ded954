"""Progressively balanced sampling: from the natural to the balanced distribution over the epochs.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 3.
Equations: 2: p_c(t) = (1 - t/T) n_c / N + (t/T) / K at epoch t, then uniform within the class.
Deviations: t/T runs to 1 in the last epoch: t from 0 to T - 1 is divided by T - 1.
Status: faithful.
"""

from medtail.datamodules.core.contract import DataRequest

from .core.base import Method, Stage


class ProgressiveSampling(Method):
    """Cross-entropy on batches that become balanced with the epochs."""

    paper = "Kang et al. 2020"

    def request(self, stage: Stage) -> DataRequest:
        """A distribution that moves with the epoch."""
        return DataRequest(sampler="progressive")
