"""GANomaly: an autoencoder whose images deceive a discriminator, judged by its code, coded twice.

Paper: Akcay et al., "GANomaly: semi-supervised anomaly detection via adversarial training", ACCV
    2018 (arXiv 1805.06725); the authors' code (samet-akcay/ganomaly @103a8c5, lib/model.py,
    lib/networks.py).
Equations: z = E(x), x' = G(z), z' = E'(x'); a discriminator D with features f. L_G = A + 50 C + V,
    A = mean (f(x) - f(x'))^2, C = mean |x - x'|, V = mean (z - z')^2; L_D = BCE(D(x), 1) +
    BCE(D(x'), 0). Score: the mean over the code of (z - z')^2.
Code: at that commit A = BCE(D(x'), 1) (``adversarial: bce``).
Deviations: E, E' and f are each the suite's backbone, drawn apart, E and E' with a linear map to 64
    dimensions (theirs: DCGAN's convolutions, 100 dimensions at 32 px, f the maps before the last);
    G is the decoder of ``autoencoder``, without tanh, on normalised images. The optimiser is theirs
    (Adam, rate 0.0002, first decay rate 0.5) for both sides, which one Adam over all parameters is,
    too: L_G and L_D are summed, D held constant in the one and x' in the other. So both sides step
    at once; in the code G meets the D of after its step. D is not drawn anew where its loss
    vanishes. Scores are not scaled by the test set's. So losses and score are the paper's, the
    networks are not.
Status: reconstruction.
"""

from typing import Literal, Unpack, get_args

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import NeedsImagesError, unknown

from .autoencoder import DIM, Autoencoder
from .core.backbones import build_backbone
from .core.base import Common, Recipe, Stage
from .core.checks import slug
from .core.gathering import gathered
from .core.precision import exact

RECIPE = Recipe("adam", lr=0.0002, weight_decay=0.0, warmup=0.0, schedule="constant", beta1=0.5)
CONTEXT = 50  # weight of C; the authors' w_rec
Adversarial = Literal["features", "bce"]


def distance(code: Tensor, again: Tensor) -> Tensor:
    """Mean square of z - z', [B] float32 from two [B, D]."""
    return (exact(code) - exact(again)).square().mean(1)


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """L_D of each image, [B], from D's logits of x and of x', both [B]."""
    return F.softplus(-real) + F.softplus(made)


def generator_loss(adversarial: Tensor, context: Tensor, code: Tensor) -> Tensor:
    """L_G of each image, [B], from its A, C and V."""
    return adversarial + CONTEXT * context + code


class GANomaly(Autoencoder):
    """An autoencoder, a second encoder and a discriminator; how far the two codes are apart.

    Args:
        spec: the data.
        adversarial: A of the generator: the ``features`` of the discriminator, or its ``bce``.
        common: see ``Method``.
    """

    paper = "Akcay et al. 2018"
    status = "reconstruction"
    stages = (Stage("train", recipe=RECIPE),)

    def __init__(
        self, spec: DataSpec, *, adversarial: Adversarial = "features", **common: Unpack[Common]
    ) -> None:
        if adversarial not in get_args(Adversarial):
            known = get_args(Adversarial)
            raise unknown(f"adversarial of {slug(self)}", str(adversarial), known)
        if spec.features:
            raise NeedsImagesError("it rebuilds images")
        super().__init__(spec, **common)
        self.adversarial = adversarial
        name, weights = common.get("backbone", "test_resnet"), common.get("weights", "none")
        self.again, width = build_backbone(name, spec, weights)
        self.discriminator, _ = build_backbone(name, spec, weights)
        self.code_again = nn.Linear(width, DIM)
        self.verdict = nn.Linear(width, 1)

    def coded_twice(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images [B, C, H, W] -> z [B, 64], x' [B, C, H, W] and z' [B, 64]."""
        code = self.code(self.features(image))
        rebuilt = self.decoder(code)
        return code, rebuilt, self.code_again(self.features_of(self.again, rebuilt))

    def judged(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Features f [B, D] and logits [B] of the discriminator, float32."""
        features = exact(self.features_of(self.discriminator, image))
        return features, exact(self.verdict(features))[:, 0]

    def judged_by_constants(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The same; its gradient reaches the images and not the discriminator."""
        constant = {key: value.detach() for key, value in self.discriminator.named_parameters()}
        features = exact(
            self.features_of(lambda x: functional_call(self.discriminator, constant, (x,)), image)
        )
        weight, bias = self.verdict.weight.detach(), self.verdict.bias.detach()
        return features, exact(F.linear(features, weight, bias))[:, 0]

    def given_loss(self, image: Tensor) -> Tensor:
        """L_G + L_D, whose gradients meet in no parameter."""
        code, rebuilt, again = self.coded_twice(image)
        features, real = self.judged(image)
        seen, deceived = self.judged_by_constants(rebuilt)
        _, made = self.judged(rebuilt.detach())
        if self.adversarial == "features":
            adversarial = (features.detach() - seen).square().mean(1)
        else:
            adversarial = F.softplus(-deceived)
        context = (exact(rebuilt) - exact(image)).abs().mean((1, 2, 3))
        generator = generator_loss(adversarial, context, distance(code, again))
        return gathered(generator + discriminator_loss(real, made)).mean()

    def abnormality(self, image: Tensor) -> Tensor:
        """How far the codes of each image and of its image are apart."""
        code, _, again = self.coded_twice(image)
        return distance(code, again)
