"""ANIL: MAML whose inner loop adapts the classifier alone.

Paper: Raghu, Raghu, Bengio, Vinyals, "Rapid learning or feature reuse? Towards understanding the
    effectiveness of MAML", ICLR 2020, section 4.
Equations: MAML's (see ``maml``), with the steps on the support set restricted to the weights of the
    last layer; the outer loop moves all weights.
Deviations: those of ``maml``. The features of a task are computed once, as no step changes them;
    their BatchNorms take the support set's statistics (``statistics="query"``: each set its own),
    where learn2learn's example normalises support and queries jointly.
Status: faithful.
"""

from .core.few_shot.base import MetaLearner
from .core.few_shot.inner import Parts


class ANIL(MetaLearner):
    """Second order by default; the classifier is adapted."""

    paper = "Raghu et al. 2020"

    @property
    def parts(self) -> Parts:
        """The classifier is adapted, the backbone is not."""
        return Parts(self.backbone, self.classifier)
