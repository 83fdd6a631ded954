"""Facility location: label so that every image of the pool is similar to a labelled one.

Paper: Wei, Iyer and Bilmes, "Submodularity in data subset selection and active learning", ICML
    2015: the function, as the control without a query that cords, distil and apricot have.
Equations: greedily, A = argmax sum_{i in pool} max_{j in A} S_ij, S the cosines of the last
    layer's gradients (p - e_t) (x) [1, h], with the hypothesised label t = argmax p (as
    ``clinical``), or of features; maxima start at 0, or at max_l S_il over the labelled images l,
    their t the true label.
Deviations: folklore, not one paper's method; the paper's own filters the pool by uncertainty first.
    The pool is shuffled, so that position decides on no tie.
Status: faithful.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import unknown

from .core.active.base import Acquisition
from .core.base import Common, Method, Scene
from .core.checks import check_flags, slug
from .core.scene import Seen
from .core.submodular.information import select
from .core.submodular.similarity import Parts, gradient_factors, take, unit

Similarity = Literal["gradient", "feature"]


class FacilityLocation(Acquisition):
    """Greedy coverage of the pool.

    Args:
        spec: the data.
        similarity: of last-layer gradients (``gradient``) or of features (``feature``).
        labelled: whether labelled images cover already.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Wei et al. 2015"

    def __init__(
        self,
        spec: DataSpec,
        *,
        similarity: Similarity = "gradient",
        labelled: bool = True,
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        if similarity not in get_args(Similarity):
            raise unknown(f"similarity of {slug(self)}", str(similarity), get_args(Similarity))
        check_flags(self, labelled=labelled)
        super().__init__(spec, learner=learner, **common)
        self.similarity, self.labelled = similarity, labelled

    def vectors(self, seen: Seen) -> Parts:
        """Unit vectors of images, by their factors."""
        if self.similarity == "feature":
            return unit((seen.features.double(),))
        return unit(gradient_factors(seen.logits, seen.features, seen.target))

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        order = torch.randperm(len(scene.pool.features), generator=generator)
        picks, _ = select(
            "facility_location",
            take(self.vectors(scene.pool), order),
            (),
            budget,
            engine="vectorised",
            labelled=self.vectors(scene.labelled) if self.labelled else (),
        )
        return order[picks]
