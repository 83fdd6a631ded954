"""What every method must say of itself, over the whole registry, and what the registry answers."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest

from medtail import methods
from medtail.datamodules.core.contract import PK, DataSpec, SamplerName
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("fake", ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"), HAM10000, (16, 16))
EVERY = pytest.mark.parametrize("name", sorted(methods.registry()))


def card_of(name: str) -> str:
    return inspect.getdoc(sys.modules[methods.get(name).__module__]) or ""


@EVERY
def test_card(name):
    method = methods.get(name)
    card = card_of(name)
    places = [card.find(f"\n{heading}:") for heading in ("Paper", "Equations", "Deviations")]
    assert min(places) > 0, "the module's docstring is a card: Paper, Equations, Deviations, Status"
    assert places == sorted(places)
    assert f"\nStatus: {method.status}." in card
    assert method.paper


@EVERY
def test_a_card_says_how_the_epoch_of_a_method_without_training_is_chosen(name):
    stages = methods.get(name).stages
    if stages and all(stage.by for stage in stages):
        text = " ".join(card_of(name).partition("\nDeviations:")[2].split())
        assert "selected by the balanced accuracy of the plain, unadjusted logits" in text


@EVERY
def test_stages_fit_the_budget_and_name_known_methods(name):
    stages = methods.build(name, SPEC).stages
    assert bool(stages) is (sum(stage.share for stage in stages) > 0)
    assert sum(stage.share for stage in stages) <= 1 + 1e-9
    assert all(stage.share > 0 for stage in stages)
    assert len({stage.name for stage in stages}) == len(stages)
    for stage in stages:
        if stage.by:
            assert [other.by for other in methods.get(stage.by).stages] == [None]


@EVERY
def test_requests_are_known(name):
    method = methods.build(name, SPEC)
    for stage in method.stages:
        asked = method.request(stage)
        assert asked.sampler in get_args(SamplerName)
        assert isinstance(asked.second, PK | None) or asked.second in get_args(SamplerName)


@EVERY
def test_unknown_parameters_are_refused(name):
    with pytest.raises(MedtailError, match=f"unknown parameter of {name} 'no_such'"):
        methods.build(name, SPEC, no_such=1)
    assert {"backbone", "weights"} <= methods.parameters(name).keys()


def test_the_registry_knows_the_baselines():
    expected = {
        "erm",
        "class_balanced_sampling",
        "square_root_sampling",
        "progressive_sampling",
        "weighted_ce",
        "effective_number",
        "focal",
        "ldam",
        "balanced_softmax",
        "logit_adjustment",
        "post_hoc_logit_adjustment",
        "vs_loss",
        "equalization",
        "mixup",
        "remix",
        "balanced_mixup",
        "crt",
        "lws",
        "tau_norm",
        "ncm",
        "bbn",
        "ohem",
    }
    assert expected <= methods.registry().keys()


def test_an_unknown_method_is_answered_with_its_neighbours():
    with pytest.raises(MedtailError, match=r"did you mean .*focal"):
        methods.get("focall")


def test_large_libraries_wait_until_a_method_uses_them():
    """What a worker imports before its first cell; these are some 80 MiB more."""
    large = {"sklearn", "pytorch_metric_learning", "learn2learn", "submodlib", "pyarrow", "ray"}
    code = (
        "import sys; from medtail import methods, datamodules; "
        "import medtail.benchmark.execution.worker, medtail.benchmark.tracks.supervised; "
        "methods.registry(); datamodules.registry(); "
        f"print({large} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "set()"
