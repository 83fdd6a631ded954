"""Probabilistic contrast: against each class's distribution on the sphere, as if of endless pairs.

Paper: Du et al., "Probabilistic contrastive learning for long-tailed visual recognition", TPAMI
    2024 (arXiv 2403.06726), there called ProCo; not the ProCo of ``proco``.
Equations: z of norm 1 in R^D; of each class the mean of z over the last epoch and this one so far:
    R_c = ||mean||, mu_c its direction, kappa_c = D R / (1 - R^2), at most 1e5 (von Mises-Fisher);
    l_ic = F(||kappa_c mu_c + z_i / tau||) - F(kappa_c), F(x) = log I_{D/2-1}(x) - (D/2 - 1) log x,
    dF/dx = I_{D/2}(x) / I_{D/2-1}(x);
    L = CE(s + log pi, y) + alpha [ CE(l(view 2) + log pi, y) + CE(l(view 3) + log pi, y) ] / 2.
    A batch is in the means, without a gradient, before its own l, one view after the other.
Code: LeapLabTHU/ProCo @af9e78e, ProCo/loss/proco.py: tau 0.1, 128 dimensions (CIFAR). A class
    starts as a random direction of length 0.9, which its first image replaces.
Deviations: kappa is the code's (Banerjee's estimate has D - R^2 for D). F by the ratios of
    neighbouring orders, downward from an asymptotic one. Means are of the global batch. The
    classifier is by cosines, scale 30. All views have the suite's augmentation, see ``augment``
    (theirs: RandAugment, SimCLR's twice), the optimiser is the suite's.
Status: faithful.
"""

from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common, Method, Stage
from .core.checks import check_interval, slug
from .core.contrast.momentum import Projection
from .core.gathering import gathered
from .core.heads import CosineClassifier
from .core.precision import without_autocast
from .core.weights import log_prior

SCALE, START = 30.0, 0.9
MOST = 1e5  # kappa
MORE = 64  # orders above the wanted one from which ratios are computed downward


class _LogBessel(torch.autograd.Function):
    """F(x) = log I_nu(x) - nu log x, elementwise, nu a whole number, x > 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, nu: int) -> Tensor:  # noqa: ANN401 - torch's own signature
        # r_n = I_n / I_{n-1} = 1 / (2 n / x + r_{n+1}); the start is off by about n / x^2, and each
        # step multiplies that by r^2.
        x = x.double()
        order = 2 * nu + MORE
        ratio = x / (order + 0.5 + ((order + 1.5) ** 2 + x.square()).sqrt())
        logarithm: Tensor = x + torch.special.i0e(x).log() - nu * x.log()
        for n in range(order, 0, -1):
            ratio = 1 / (2 * n / x + ratio)
            if n == nu + 1:
                ctx.save_for_backward(ratio)
            if n <= nu:
                logarithm = logarithm + ratio.log()
        return logarithm

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        ratio: Tensor = ctx.saved_tensors[0]
        gradient: Tensor = gradients[0] * ratio
        return gradient, None


def log_bessel(x: Tensor, nu: int) -> Tensor:
    """F(x) = log I_nu(x) - nu log x in float64, of the shape of x > 0; nu at least 0."""
    found: Tensor = _LogBessel.apply(x.double(), nu)
    return found


def concentrations(mean: Tensor) -> Tensor:
    """kappa_c mu_c, [K, D] from means [K, D] of vectors of norm 1."""
    length = torch.linalg.vector_norm(mean, dim=1, keepdim=True)
    kappa = mean.shape[1] * length / (1 - length.square()).clamp(min=1e-9)
    found: Tensor = kappa.clamp(max=MOST) * F.normalize(mean, dim=1)
    return found


def contrast_logits(embedded: Tensor, mean: Tensor, tau: float) -> Tensor:
    """l_ic, [B, K] in float64.

    Args:
        embedded: z of norm 1, [B, D], D even.
        mean: of each class, [K, D].
        tau: temperature.
    """
    centre = concentrations(mean.double())
    nu = embedded.shape[1] // 2 - 1
    joined = torch.linalg.vector_norm(centre + embedded.double()[:, None] / tau, dim=2)
    alone = torch.linalg.vector_norm(centre, dim=1)
    return log_bessel(joined, nu) - log_bessel(alone, nu)


class ProbabilisticContrastive(Method):
    """Logit-compensated cross-entropy and a contrast with von Mises-Fisher classes.

    Args:
        spec: the data.
        tau: temperature of the contrast.
        alpha: weight of the contrast.
        dim: D of the embedding, even.
        augment: of the views: true for the suite's, or the name of another augmentation.
        common: see ``Method``.

    Raises:
        MedtailError: D is odd.
    """

    paper = "Du et al. 2024"

    def __init__(
        self,
        spec: DataSpec,
        *,
        tau: float = 0.1,
        alpha: float = 1.0,
        dim: int = 128,
        augment: bool | str = True,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", tau=tau)
        check_interval(self, "[0, inf)", alpha=alpha)
        check_interval(self, "[2, inf)", dim=dim)
        if dim % 2:
            raise MedtailError(f"{slug(self)}: dim must be even, not {dim}")
        super().__init__(spec, **common)
        self.classifier = CosineClassifier(self.num_features, spec.num_classes, SCALE)
        self.tau, self.alpha, self.augment = tau, alpha, augment
        self.projection = Projection(self.num_features, dim, nn.BatchNorm1d)
        self.prior: Tensor
        self.register_buffer("prior", log_prior(self.counts), persistent=False)
        start = START * F.normalize(torch.randn(spec.num_classes, dim))
        self.start: Tensor
        self.register_buffer("start", start)
        # Of the last epoch and of this one so far: sums of z, and how many.
        self.sums: Tensor
        self.register_buffer("sums", torch.zeros(2, spec.num_classes, dim, dtype=torch.float64))
        self.amounts: Tensor
        self.register_buffer("amounts", torch.zeros(2, spec.num_classes, dtype=torch.float64))

    def request(self, stage: Stage) -> DataRequest:
        """Three views: one is classified, two are contrasted."""
        return DataRequest(views=3, augment=self.augment)

    def on_train_epoch_start(self) -> None:
        """This epoch becomes the last one."""
        for kept in (self.sums, self.amounts):
            kept[0].copy_(kept[1])
            kept[1].zero_()

    @torch.no_grad()
    def see(self, embedded: Tensor, target: Tensor) -> None:
        """Add z [B, D] of classes [B], of all processes, to this epoch's sums."""
        embedded, target = gathered(embedded), gathered(target)
        self.sums[1].index_add_(0, target, embedded.double())
        self.amounts[1] += target.bincount(minlength=self.amounts.shape[1])

    def means(self) -> Tensor:
        """Of each class, [K, D]; where none was seen, its start."""
        total, amount = self.sums.sum(0), self.amounts.sum(0)[:, None]
        return torch.where(amount > 0, total / amount.clamp(min=1), self.start.double())

    @without_autocast
    def contrast(self, embedded: Tensor, target: Tensor) -> Tensor:
        """CE(l + log pi, y) of one view: z [B, D] and classes [B], a scalar."""
        self.see(embedded, target)
        logits = contrast_logits(embedded, self.means(), self.tau).float()
        return F.cross_entropy(logits + self.prior, target)

    def loss(self, batch: Batch) -> Tensor:
        """All terms of a batch."""
        features = self.features(batch.image.transpose(0, 1).flatten(0, 1))
        size = len(batch.target)
        likely = F.cross_entropy(self.score(features[:size]) + self.prior, batch.target)
        # The first view is projected, too: BatchNorm's statistics are of all three.
        _, *views = self.projection(features).split(size)
        contrast = torch.stack([self.contrast(view, batch.target) for view in views])
        return likely + self.alpha * contrast.mean()
