"""cRT: classifier re-training after representation learning.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 4.
Equations: none; stage two starts the linear classifier anew and trains it alone on class-balanced
    samples.
Deviations: stage two has the suite's recipe and the last fifth of the budget (the paper: 10 epochs
    beyond the 90 of stage one), so that every method of a table has the same budget. The backbone's
    BatchNorm statistics are frozen, too.
Status: faithful.
"""

from typing import Unpack

from torch import nn

from medtail.datamodules.core.contract import DataRequest, DataSpec

from .core.base import Common, Method, Stage


class CRT(Method):
    """A cross-entropy stage, then a new classifier on the frozen backbone, classes balanced."""

    paper = "Kang et al. 2020"
    stages = (Stage("representation", 0.8, by="erm"), Stage("classifier", 0.2))

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        # Drawn where the run's seed is fresh: whether stage one was trained here or only loaded
        # must not change the draw. No submodule, as it is not trained under this name.
        fresh = nn.Linear(self.num_features, spec.num_classes)
        self._fresh = {name: value.clone() for name, value in fresh.state_dict().items()}

    def request(self, stage: Stage) -> DataRequest:
        """Class-balanced samples for the classifier."""
        return DataRequest(sampler="class_balanced")

    def enter(self, stage: Stage) -> None:
        """Freeze the backbone, start the classifier anew."""
        if stage.name == "classifier":
            self.freeze("backbone")
            self.classifier.load_state_dict(self._fresh)
