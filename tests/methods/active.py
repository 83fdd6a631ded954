"""Made-up scenes of the active track: what an acquisition is given."""

import torch

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.methods.core.scene import Scene, Seen

HAM10000 = (156, 939, 72, 46, 154, 16, 20)
RARE = (3, 5, 6)
SPEC = DataSpec(
    "fake@active",
    ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"),
    HAM10000,
    (16, 16),
    track="active",
    rare=RARE,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def build(slug, **params):
    torch.manual_seed(0)
    return methods.build(slug, SPEC, **params).eval()


def seen(learner, amount, seed, target=None):
    features = torch.randn(amount, learner.num_features, generator=generator(seed))
    with torch.no_grad():
        return Seen(features, 4 * learner.score(features), target)


def scene(learner, pool=80):
    labelled = torch.arange(7).repeat(4)
    query = torch.tensor(RARE).repeat_interleave(4)
    return Scene(
        seen(learner, 28, 1, labelled), seen(learner, 12, 2, query), seen(learner, pool, 3)
    )
