"""Arguments out of their range are one line that names method and argument."""

import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

TRAIN = torch.tensor([778, 4693, 359, 228, 769, 80, 98])


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("effective_number", {"beta": 1.0}),
        ("effective_number", {"beta": -0.1}),
        ("effective_number", {"beta": float("nan")}),
        ("effective_number", {"beta": "much"}),
        ("focal", {"gamma": -1}),
        ("focal", {"gamma": True}),
        ("ldam", {"max_margin": -0.5}),
        ("ldam", {"scale": 0}),
        ("ldam", {"beta": 1}),
        ("logit_adjustment", {"tau": -1.0}),
        ("post_hoc_logit_adjustment", {"tau": float("inf")}),
        ("vs_loss", {"gamma": -0.1}),
        ("vs_loss", {"tau": None}),
        ("equalization", {"gamma": 1.5}),
        ("equalization", {"lam": 0.0}),
        ("mixup", {"alpha": 0}),
        ("remix", {"kappa": 0.5}),
        ("remix", {"tau": 2}),
        ("balanced_mixup", {"alpha": -0.2}),
        ("ohem", {"keep": 0}),
    ],
)
def test_bad_values_are_refused_in_one_line(name, bad):
    spec = DataSpec("ham", tuple("abcdefg"), tuple(TRAIN.tolist()), (16, 16))
    with pytest.raises(MedtailError) as raised:
        methods.build(name, spec, **bad)
    text = str(raised.value)
    assert text.startswith(f"{name}: {next(iter(bad))} must be in ")
    assert "\n" not in text
