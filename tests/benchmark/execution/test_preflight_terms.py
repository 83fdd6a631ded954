"""Wrong terms and parameters are found before anything is trained."""

import pytest
import torch
from rich.console import Console

from medtail.benchmark.execution import preflight
from medtail.benchmark.grid.weights import Weights
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.backbones import build_backbone
from medtail.methods.core.pretrained.finding import find
from tests.benchmark.cells import QUICK, cell

SPEC = DataSpec("any", ("a", "b"), (5, 5), (16, 16))


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


def from_file(path, state, **changes):
    torch.save(state, path)
    found = find(str(path), "test_resnet").source
    weights = Weights(kind="file", name=path.name, sha256=found.sha256, place=found.place)
    return cell(weights=weights, **changes)


def test_weights_that_do_not_fit_are_found_and_what_is_left_over_of_others_is_told(tmp_path):
    state = build_backbone("test_resnet", SPEC)[0].state_dict()
    console = Console(file=open("/dev/null", "w"), record=True, width=200)  # noqa: PTH123, SIM115
    frozen = QUICK.model_copy(update={"tune": "head"})
    for name, budget in (("a", QUICK), ("b", frozen)):
        one = from_file(tmp_path / name, state | {"queue": torch.ones(2)}, budget=budget)
        preflight.check([one, one.model_copy(update={"seed": 1})], console)
        told = console.export_text()
        line = f"weights file:{name}, into backbone 'test_resnet': 1 unexpected (queue)"
        assert told.count(line) == 1
    del state["conv1.0.weight"]
    with pytest.raises(MedtailError, match=r"1 missing \(conv1.0.weight\)"):
        preflight.check([from_file(tmp_path / "c", state)], console)


def test_a_file_that_changed_since_the_suite_was_read_is_not_trained_from(tmp_path):
    one = from_file(tmp_path / "w", build_backbone("test_resnet", SPEC)[0].state_dict())
    torch.save({"a": torch.ones(1)}, tmp_path / "w")
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError, match="changed since it was named"):
        preflight.check([one], console)


def test_layers_that_timm_does_not_know_have_no_rates_of_their_own():
    decay = QUICK.model_copy(update={"layer_decay": 0.5})
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(MedtailError, match="write layer_decay: 1"):
        preflight.check([cell(backbone="conv4", budget=decay)], console)


def test_steps_that_cannot_be_cut_into_parts_are_refused():
    console = Console(file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    preflight.check([cell(budget=QUICK.model_copy(update={"accumulate": 4}))], console)
    few = QUICK.model_copy(update={"batch_size": 400, "accumulate": 8})
    with pytest.raises(MedtailError, match="cannot be cut into 8 equal parts"):
        preflight.check([cell(budget=few)], console)
