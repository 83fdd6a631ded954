"""CLINICAL: label the images that share most information with examples of the rare classes.

Paper: Kothawade et al., "CLINICAL: targeted active learning for imbalanced medical image
    classification", MILLanD at MICCAI 2022 (arXiv 2210.01520).
Equations: A = argmax_{|A| = B} I_f(A; Q), greedily, for a submodular mutual information I_f (of
    ``medtail.methods.core.submodular``) between picks A and a query set Q of rare images that the
    learner gets wrong. Similarities are cosines of the last layer's gradients (p - e_t) (x) [1, h],
    with the true label t of a query and the hypothesised one, argmax p, of the pool's images; raw,
    so that they may be negative.
Deviations: only the abstract could be read. The rest is from notebooks of two of the authors and
    the code that they call (trust, submodlib): the five functions with eta = 1 and a ridge of 1,
    the gradients with a bias, and the rules for Q: misclassified query images (``misclassified``,
    the notebooks' rule for binary imbalance) or those of the class with most errors alone
    (``target``, for the long tail). ``all``, and all rare images where the learner gets none wrong,
    are ours. Whether the paper's Q grows with what was found is unknown; here it does not. The
    notebooks look at randomly flipped images; here they are plain. ``flqmi`` is the default, as it
    neither saturates nor needs similarities within the pool; which function the paper puts first is
    unknown. The pool is shuffled: ``flvmi`` saturates, and then takes images by position, which in
    the notebooks' pool, sorted by class, are the last class. Similarities are clamped at 0 for
    ``com``. The query images are labelled rare images beyond the labelled set, as in the notebooks:
    nobody trains on them, and of the rivals only ``glister(validation=query)`` looks at them. The
    learner is cross-entropy by default, under the suite's recipe.
Status: reconstruction.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError, unknown

from .core.active.base import Acquisition
from .core.base import Common, Method, Scene
from .core.checks import check_interval
from .core.scene import Seen
from .core.submodular.information import Engine, saturated, select
from .core.submodular.similarity import gradient_factors, take, unit

Query = Literal["misclassified", "target", "all"]
Information = Literal["flqmi", "flvmi", "gcmi", "logdetmi", "com"]


def query_rows(logits: Tensor, target: Tensor, rule: Query) -> Tensor:
    """Which query images [Q] count: positions, all of them where the rule leaves none.

    Args:
        logits: [Q, K].
        target: [Q].
        rule: ``misclassified``; ``target``, of these the class with most errors, of equal ones the
            first; ``all``.
    """
    every = torch.arange(len(target), device=target.device)
    wrong = every[logits.argmax(1).to(target.device) != target]
    if rule == "all" or not len(wrong):
        return every
    if rule == "target":
        worst = target[wrong].bincount().argmax()
        return wrong[target[wrong] == worst]
    return wrong


class CLINICAL(Acquisition):
    """Greedy maximum of a submodular mutual information with rare examples.

    Args:
        spec: the data.
        function: of mutual information, see ``medtail.methods.core.submodular``.
        query: which of the query images count, see ``query_rows``.
        eta: weight of the similarities to the query.
        shuffle: the pool before every choice.
        engine: ``submodlib``, ``vectorised``, or ``auto`` for the faster one.
        learner: see ``Acquisition``.
        common: see ``Method``.
    """

    paper = "Kothawade et al. 2022"
    status = "reconstruction"

    def __init__(
        self,
        spec: DataSpec,
        *,
        function: Information = "flqmi",
        query: Query = "misclassified",
        eta: float = 1.0,
        shuffle: bool = True,
        engine: Engine = "auto",
        learner: str = "erm",
        **common: Unpack[Common],
    ) -> None:
        for what, value, known in (
            ("function", function, get_args(Information)),
            ("query rule", query, get_args(Query)),
            ("engine", engine, get_args(Engine)),
        ):
            if value not in known:
                raise unknown(f"{what} of clinical", str(value), known)
        check_interval(self, "(0, 1]" if function == "logdetmi" else "(0, inf)", eta=eta)
        if type(shuffle) is not bool:
            raise MedtailError(f"clinical: shuffle must be true or false, not {shuffle!r}")
        super().__init__(spec, learner=learner, **common)
        self.function, self.query, self.eta = function, query, eta
        self.shuffle, self.engine = shuffle, engine
        self.zero_gains: list[int] = []
        self.query_sizes: list[int] = []

    def acquire(
        self, learner: Method, scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Positions in the pool."""
        amount = len(scene.pool.features)
        order = torch.arange(amount)
        if self.shuffle:
            order = torch.randperm(amount, generator=generator)
        pool = unit(gradient_factors(scene.pool.logits, scene.pool.features))
        query = self._query(scene.query)
        picks, gains = select(
            self.function, take(pool, order), query, budget, eta=self.eta, engine=self.engine
        )
        self.zero_gains.append(saturated(gains))
        self.query_sizes.append(len(query[0]))
        return order[picks]

    def _query(self, seen: Seen) -> tuple[Tensor, ...]:
        """Unit gradients of the query images that count."""
        if seen.target is None or not len(seen.target):
            raise MedtailError("clinical: there are no query images")
        rows = query_rows(seen.logits, seen.target, self.query)
        parts = gradient_factors(seen.logits[rows], seen.features[rows], seen.target[rows])
        return unit(parts)

    def findings(self) -> dict[str, float]:
        """Picks without any gain, and the mean size of the query set."""
        if not self.query_sizes:
            return {}
        return {
            "zero_gain_picks": float(sum(self.zero_gains)),
            "query_images": sum(self.query_sizes) / len(self.query_sizes),
        }
