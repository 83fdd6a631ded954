"""Several networks as one: the mean of probabilities, not of logits; a folder that can be moved."""

import json
import shutil

import pytest
import torch

from medtail.benchmark.networks import ensemble, exporting
from medtail.benchmark.networks.finding import find
from medtail.benchmark.networks.network import load
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.networks.conftest import CELLS


def test_probabilities_are_averaged():
    logits = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)) * 4
    found = ensemble.mean_log_probability(logits).softmax(1)
    wanted = logits.double().softmax(2).mean(0)
    torch.testing.assert_close(found, wanted)
    assert not torch.allclose(found, logits.double().mean(0).softmax(1), atol=1e-2)


@pytest.fixture
def folder(trained, tmp_path):
    """The same network twice, the second with another classifier."""
    place = trained.folder(CELLS["erm"])
    return ensemble.write(tmp_path / "ensemble", [("one", place), ("two", place)])


@pytest.mark.slow
def test_a_folder_is_loaded_wherever_it_lies(folder, tmp_path, network):
    moved = tmp_path / "elsewhere" / "mine"
    shutil.move(folder, moved)
    together, alone = load(find(str(moved), tmp_path)), network("erm")
    images = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8)
    torch.testing.assert_close(together(images), alone(images))
    assert together.class_names == alone.class_names
    assert together.title == "erm on phantom@lt20, ensemble of 2 networks"
    with pytest.raises(MedtailError, match="exported network by network"):
        next(exporting.export(together, "onnx", tmp_path / "x.onnx", tmp_path / "x.json"))


@pytest.mark.slow
def test_a_damaged_ensemble_is_one_line(folder):
    path = folder / ensemble.ENSEMBLE
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"folders": ["../one"]}))
    with pytest.raises(MedtailError, match="beside it, and nowhere else"):
        load(folder)
    path.write_text("{")
    with pytest.raises(MedtailError, match="no readable description of an ensemble"):
        load(folder)
    path.write_text(json.dumps(told))
    (folder / "two" / "network.safetensors").write_bytes(b"x")
    with pytest.raises(MedtailError, match="damaged, or of another cell"):
        load(folder)
