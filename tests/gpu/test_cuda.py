"""On a GPU: every track trains through the real worker, and a GPU's numbers are a CPU's.

Skipped where there is none. ``MEDTAIL_GPU_TESTS=cpu`` runs them there all the same, to try them.
"""

import copy
import math
import os

import numpy as np
import pytest
import torch
from lightning.fabric.utilities import move_data_to_device
from torch import nn

from medtail import methods
from medtail.benchmark.execution import worker
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import stages, supervised
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.loading import on_device

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"
pytestmark = pytest.mark.skipif(
    not ON_GPU and os.environ.get("MEDTAIL_GPU_TESTS") != "cpu", reason="no CUDA here"
)
# Float32 sums of some thousand terms, in another order, through about ten layers: the norm of the
# difference is some 1e-6 of the norm. A hundred times that is no rounding any more.
FLOAT32 = 1e-4
# A TF32 operand has 10 bits behind the point (2 ** -11 = 5e-4), PyTorch's default in convolutions.
TF32 = 1e-2
FLOAT16 = 1e-3  # stored log-probabilities have 10 bits behind the point, too; no layers follow
SHOTS = {"backbone": "conv4", "image_size": (28, 28), "data_params": {"count": 1200}}


def terms_of(regime="natural", **changed):
    budget = {"epochs": 1, "batch_size": 64, "optimizer": "adamw", "lr": 0.003}
    budget = Budget(**budget | changed.pop("budget", {}))
    usual = {"data_params": {"count": 400}, "image_size": (16, 16)}
    return Terms(data=f"phantom@{regime}", budget=budget, **usual | changed)


def run(method, folder, terms):
    cell = Cell(method=method, params=methods.defaults(method), terms=terms)
    outcome = worker.run(worker.Job(cell, folder / "stages", folder / "progress"))
    assert outcome.record.status == "ok", outcome.traceback
    return outcome


def relative(value, reference):
    """||value - reference|| / ||reference||."""
    reference = reference.double().cpu()
    return float((value.double().cpu() - reference).norm() / reference.norm())


def on_gpu(outcome):
    assert outcome.record.cost is not None
    assert outcome.record.cost.device == (torch.cuda.get_device_name() if ON_GPU else "cpu")
    return True


def test_a_long_tailed_cell_trains_and_its_record_names_the_gpu(tmp_path):
    outcome = run("erm", tmp_path, terms_of("lt20", budget={"epochs": 2}))
    assert on_gpu(outcome)
    assert len(outcome.record.stages[0].history) == 2
    assert np.isfinite(outcome.test.logits).all()


@pytest.mark.parametrize(
    ("method", "regime", "changed"),
    [
        ("protonet", "shot5", SHOTS),
        ("maml", "shot5", SHOTS),
        ("deep_svdd", "oneclass", {}),
        ("entropy_sampling", "active", {"rounds": 2}),
    ],
)
def test_every_track_trains(method, regime, changed, tmp_path):
    budget = {"precision": "32-true", "epochs": 2}
    terms = terms_of(regime, selection="last", test_episodes=10, budget=budget, **changed)
    outcome = run(method, tmp_path, terms)
    assert on_gpu(outcome)
    assert np.isfinite(outcome.test.logits).all()


@pytest.fixture
def trained(tmp_path):
    """A method on the CPU after an epoch, its data and its terms."""
    terms = terms_of(budget={"precision": "32-true"})
    data = worker.prepared(terms)
    method = supervised.make("erm", {}, terms, 0, data)
    stages.fit(method, data, terms, 1, 0, 1, tmp_path, lambda _: None)
    return method.cpu().eval(), data, terms


@pytest.mark.parametrize(("tf32", "tolerance"), [(False, FLOAT32), (True, TF32)])
def test_predictions_are_those_of_a_cpu(tf32, tolerance, trained, monkeypatch, record_property):
    method, data, _ = trained
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
    batch = next(supervised.plain(data, "test", method))
    with torch.no_grad():
        here = method(batch.image)
        there = copy.deepcopy(method).to(DEVICE)(batch.image.to(DEVICE))
    difference = relative(there, here)
    record_property("relative_difference", f"{difference:.2e}")
    assert difference < tolerance
    if ON_GPU and not tf32:
        assert difference > 0, "the same bits: did the GPU compute them?"


def test_prediction_through_lightning_is_that_of_a_cpu(trained, monkeypatch):
    method, data, _ = trained
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    found = supervised.predict(method, data, "test")
    method.cpu().eval()
    with torch.no_grad():
        here = torch.cat([method(b.image) for b in supervised.plain(data, "test", method)])
    rows = np.argsort(data.table.id[data.rows("test")])
    order = np.argsort(found.id)
    stored = torch.from_numpy(found.logits[order].astype(np.float64))
    assert relative(stored, here[rows].double().log_softmax(1)) < FLOAT16


@pytest.mark.parametrize("name", ["tau_norm", "ncm"])
def test_what_no_gradient_fits_is_fitted_as_on_a_cpu(name, trained, monkeypatch):
    method, data, terms = trained
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    results = []
    for device in ("cpu", DEVICE):
        other = supervised.make(name, {}, terms, 0, data)
        other.load_state_dict(method.state_dict(), strict=False)
        other.to(device).eval()
        other.conclude(*(supervised.plain(data, split, other) for split in ("train", "val")))
        with torch.no_grad():
            batches = supervised.plain(data, "test", other)
            results.append(torch.cat([other(b.image) for b in batches]))
    assert results[1].device.type == DEVICE
    assert relative(results[1], results[0]) < FLOAT32


@pytest.mark.parametrize("name", ["symmetries", "standard", "contrastive"])
def test_images_are_augmented_as_on_a_cpu(name, record_property):
    """Uint8 as it comes: symmetries to the last bit, all else to a grey level now and then."""
    built = []
    for there in (False, True):
        data = worker.prepared(terms_of(augment=name, image_size=(28, 28)))
        data.connect(DataRequest(views=2, second="reversed"), 64, 3, 2)
        data.augment_there = there
        batch = next(iter(data.train_dataloader()))
        assert isinstance(batch, on_device.Undone) == there
        if there:
            batch = on_device.applied(move_data_to_device(batch, DEVICE))
            assert batch.image.device.type == DEVICE
        built.append(batch)
    for image, reference in zip(*((b.image, b.second.image) for b in built), strict=True):
        difference = (image.cpu().int() - reference.cpu().int()).abs()
        share = float((difference > 0).double().mean())
        record_property("differing_pixels", f"{share:.1e}")
        assert difference.max() <= (name != "symmetries")
        assert share < 1e-3


def test_a_cell_leaves_the_switches_of_tf32_as_they_were(tmp_path):
    before = torch.backends.cudnn.allow_tf32
    outcome = run("erm", tmp_path, terms_of(budget={"precision": "32-true"}))
    assert torch.backends.cudnn.allow_tf32 == before
    assert outcome.record.cost.peak_mib > 1


def test_out_of_memory_is_retried_with_half_of_the_batch(tmp_path, monkeypatch):
    loss = methods.get("erm").loss

    def hungry(self, batch):
        if len(batch.target) > 32:
            # More than any GPU has; on a CPU the error itself.
            if not ON_GPU:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            torch.empty(2**44, dtype=torch.uint8, device=DEVICE)
        return loss(self, batch)

    monkeypatch.setattr(methods.get("erm"), "loss", hungry)
    assert "accumulate 2" in run("erm", tmp_path, terms_of()).record.cost.retried


def test_a_network_is_channels_last():
    method = supervised.make("erm", {}, terms_of(), 0, worker.prepared(terms_of())).to(DEVICE)
    kernels = [p for p in method.parameters() if p.ndim == 4 and p.shape[1] > 1]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


def test_bfloat16_trains_with_finite_losses(tmp_path):
    terms = terms_of(budget={"precision": "bf16-mixed", "epochs": 2})
    outcome = run("erm", tmp_path, terms)
    losses = [epoch["train/loss"] for epoch in outcome.record.stages[0].history]
    assert all(math.isfinite(loss) for loss in losses)
    assert len(losses) == 2


def test_meta_gradients_of_all_tasks_at_once_are_those_one_by_one(record_property):
    from medtail.methods.core.few_shot.inner import Inner, Parts
    from medtail.methods.core.few_shot.meta import meta_gradient

    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 36, 2))
    parts = Parts(nn.Identity(), nn.Sequential(*layers).double().to(DEVICE))
    image = torch.randn(4, 8, 3, 8, 8, dtype=torch.float64, device=DEVICE)
    target = torch.arange(8, device=DEVICE).remainder(2).expand(4, -1)
    inner = Inner(support=4, steps=3, lr=0.05)
    both = [
        meta_gradient(parts, image, target, inner, lambda loss: loss, engine)
        for engine in ("loop", "vmap")
    ]
    difference = max(relative(a, b) for a, b in zip(both[0][1], both[1][1], strict=True))
    record_property("relative_difference", f"{difference:.2e}")
    assert difference < 1e-9  # float64: the same sums in another order
