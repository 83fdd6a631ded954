"""What a GPU is told before it computes; as far as it can be seen without one."""

import pytest
import torch

from medtail.benchmark.execution import worker
from medtail.benchmark.tracks import judging, stages, supervised
from medtail.benchmark.tracks.arithmetic import exact_float32
from medtail.methods.core.base import Method
from tests.benchmark.cells import cell, terms

CUDNN = torch.backends.cudnn


def test_tf32_is_off_within_and_then_as_it_was(monkeypatch):
    for before in (True, False):
        monkeypatch.setattr(CUDNN, "allow_tf32", before)
        with exact_float32():
            assert not CUDNN.allow_tf32
        assert CUDNN.allow_tf32 is before
        with pytest.raises(KeyError), exact_float32():
            raise KeyError
        assert CUDNN.allow_tf32 is before


def test_who_has_set_the_newer_switches_keeps_them(monkeypatch):
    monkeypatch.setattr(CUDNN, "allow_tf32", True)
    CUDNN.conv.fp32_precision = "ieee"  # the older one cannot be read now
    with exact_float32():
        assert CUDNN.conv.fp32_precision == "ieee"
    assert CUDNN.conv.fp32_precision == "ieee"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_cell_computes_without_it(precision, tmp_path, monkeypatch):
    monkeypatch.setattr(CUDNN, "allow_tf32", True)
    seen, features = set(), Method.features

    def watched(self, image):
        seen.add((self.training, CUDNN.allow_tf32))
        return features(self, image)

    monkeypatch.setattr(Method, "features", watched)
    asked = cell(budget=cell().terms.budget.model_copy(update={"precision": precision}))
    outcome = worker.run(worker.Job(asked, tmp_path / "stages", tmp_path / "progress"))
    assert outcome.record.status == "ok", outcome.traceback
    assert seen == {(True, False), (False, False)}
    assert CUDNN.allow_tf32


def test_a_network_that_was_kept_is_applied_without_it(monkeypatch):
    monkeypatch.setattr(CUDNN, "allow_tf32", True)
    seen = []

    class Asked(torch.nn.Module):
        def forward(self, image):
            seen.append(CUDNN.allow_tf32)
            return image

    judging.logits(Asked(), torch.zeros(1, 2))
    assert seen == [False]


def test_plans_are_tried_on_a_gpu_alone(monkeypatch):
    asked = {}
    monkeypatch.setattr(stages.L, "Trainer", lambda **words: asked.update(words))
    stages.trainer(terms(), 1, 1, [])
    assert asked["benchmark"] is None, "as PyTorch has it"
    for name, value in (("is_available", True), ("device_count", 1)):
        monkeypatch.setattr(stages.torch.cuda, name, lambda value=value: value)
    stages.trainer(terms(), 1, 1, [])
    assert asked["benchmark"] is True
    assert asked["accelerator"] == "gpu"


@pytest.mark.parametrize("there", [True, False])
def test_networks_are_channels_last_wherever_they_will_be(there, monkeypatch):
    data = worker.prepared(terms())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    method = supervised.make("erm", {}, terms(), 0, data)
    kernels = [p for p in method.parameters() if p.ndim == 4]
    assert kernels
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
