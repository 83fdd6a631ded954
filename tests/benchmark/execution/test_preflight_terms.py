"""Wrong terms and parameters are found before anything is trained."""

import pytest
from rich.console import Console

from medtail.benchmark.execution import preflight
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import QUICK, cell


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "resnet81"}, "unknown backbone 'resnet81'"),
        ({"backbone": "resnet18+big_stem"}, "unknown stem 'big_stem'"),
        ({"backbone": "vit_tiny_patch16_224+no_pool"}, "only ResNets"),
        ({"budget": QUICK.model_copy(update={"optimizer": "adamx"})}, "unknown optimizer 'adamx'"),
        ({"data_params": {"count": 3}}, "count"),
    ],
)
def test_wrong_terms_are_found_before_anything_is_trained(changes, words):
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError) as caught:
        preflight.check([cell(**changes)], console)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_parameter_is_found_before_anything_is_trained():
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError, match="gamma"):
        preflight.check([cell("focal", params={"gamma": -1.0})], console)


def test_weights_that_cannot_be_had_are_one_clear_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError, match="pretrained weights cannot be had"):
        preflight.check([cell(pretrained=True)], console)
