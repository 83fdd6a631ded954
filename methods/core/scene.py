"""What a method of active learning looks at."""

from typing import NamedTuple

from torch import Tensor


class Seen(NamedTuple):
    """Images as a trained learner sees them (active).

    Attributes:
        features: [N, D] float32.
        logits: [N, K] float32.
        target: [N] classes; of the pool None, as nobody has labelled it.
    """

    features: Tensor
    logits: Tensor
    target: Tensor | None = None


class Scene(NamedTuple):
    """What an acquisition may look at (active).

    Attributes:
        labelled: the images trained on so far.
        query: labelled images of the rare classes, which show what is sought.
        pool: images that may be labelled, in the order of the dataset's ids.
        chosen: which of ``labelled`` were chosen in rounds before, [N] bool; None for none.
    """

    labelled: Seen
    query: Seen
    pool: Seen
    chosen: Tensor | None = None
