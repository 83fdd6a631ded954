"""One-class losses on two processes that have unequal numbers of given images, or none."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch.multiprocessing import start_processes

from medtail.benchmark.tracks.batchnorm import GlooBatchNorm
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods import doc
from tests.methods.one_class import NAMES, batch, build

SPEC = DataSpec("fake@binary20", NAMES, (100, 5), (16, 16), track="one_class")
VIT = {"backbone": "test_vit"}  # whose attention cannot reshape an empty batch
CASES = {
    "ae_u": ("ae_u", {}),
    "autoencoder": ("autoencoder", {}),
    "autoencoder, vit": ("autoencoder", VIT),
    "cutpaste": ("cutpaste", {}),
    "deep_svdd": ("deep_svdd", {}),
    "deep_svdd, radius": ("deep_svdd", {"soft_boundary": True, "nu": 0.3}),
    "doc": ("doc", {"compactness": 5.0}),
    "doc, vit": ("doc", VIT),
    "ganomaly": ("ganomaly", {}),
    "knn": ("knn", {}),
    "mahalanobis": ("mahalanobis", {}),
    "middle_class_occ": ("middle_class_occ", {}),
    "ocsvm": ("ocsvm", {}),
    "perturbation_occ": ("perturbation_occ", {}),
    "rd4ad": ("rd4ad", {}),
    "rotnet": ("rotnet", {}),
}
# Abnormal images (1) of the first process's six and of the second's.
MASKS = {
    "uneven": [0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1],
    "one has none": [0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
    "none at all": [1] * 12,
}
PROGRESS = SimpleNamespace(current_epoch=5, max_epochs=10)


def draw_nothing(method):
    """What a method draws is made a function of the image: each process draws for itself."""

    def textures(image):
        return image.flip(3), (image.mean((1, 2, 3)) > 0).long()

    def copies(image):
        return torch.cat([image, image.flip(3), 2 * image])

    def middle(image):
        kind = 1 + (image.mean((1, 2, 3)) > 0).long()
        return torch.cat([image, image.flip(2)]), torch.cat([torch.zeros_like(kind), kind])

    doc.drawn_textures = textures
    if type(method).__name__ in ("CutPaste", "MiddleClassOCC"):
        method.generated = copies if type(method).__name__ == "CutPaste" else middle


def gradients(case, mask, rank=0, world=1):
    """The loss of this process's share and the mean of all gradients, as DDP makes it."""
    name, params = CASES[case]
    method = build(name, spec=SPEC, **params).double().train()
    method.trainer = PROGRESS
    draw_nothing(method)
    if world > 1:
        GlooBatchNorm().apply(method)
    drawn = batch(SPEC, 3, method.request(method.stages[0]).views, size=12)
    share = slice(rank * 12 // world, (rank + 1) * 12 // world)
    target = torch.tensor(MASKS[mask])[share]
    loss = method.loss(Batch(drawn.image[share].double(), target, drawn.index[share]))
    loss.backward()
    found = {}
    for key, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{case}, {mask}: DDP waits for {key}"
            found[key] = parameter.grad / world  # a copy: two parameters may share a gradient
            if world > 1:
                torch.distributed.all_reduce(found[key])
    return loss.detach(), found, method.state_dict()


def worker(rank, folder):
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    found = {(case, mask): gradients(case, mask, rank, 2) for case in CASES for mask in MASKS}
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_do_what_one_does(tmp_path, monkeypatch):
    """All cases in one test: its processes take longer to meet than to compute."""
    start_processes(worker, (str(tmp_path),), nprocs=2, start_method="fork")
    two = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    monkeypatch.setattr(doc, "drawn_textures", doc.drawn_textures)  # is put back afterwards
    for case, mask in itertools.product(CASES, MASKS):
        loss, expected, state = gradients(case, mask)
        where = f"{case}, {mask}"
        (first, mine, ours), (second, theirs, _) = (found[case, mask] for found in two)
        assert (first + second) / 2 == pytest.approx(loss.item(), rel=1e-9, abs=1e-12), where
        for key, value in expected.items():
            assert torch.equal(mine[key], theirs[key]), (where, key)
            torch.testing.assert_close(
                mine[key], value, rtol=1e-7, atol=1e-10, msg=f"{where}, {key}"
            )
        for key in {k for k in state if "running" in k} | {"centre", "radius2"} & state.keys():
            torch.testing.assert_close(
                ours[key], state[key], rtol=1e-9, atol=1e-12, msg=f"{where}, {key}"
            )
        assert (loss == 0) == (mask == "none at all"), where
        moved = any(value.abs().max() > 1e-6 for value in expected.values())
        assert moved == bool(loss), where


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES.values()}))
def test_what_is_drawn_of_no_image_is_none(name):
    method = build(name, spec=SPEC)
    views = method.request(method.stages[0]).views
    none = batch(SPEC, 0, views).image[:0]
    method.trainer = PROGRESS
    GlooBatchNorm().revert(method.eval())  # a BatchNorm alone wants an image while training
    assert method.features(none.flatten(0, 1) if views > 1 else none).shape == (
        0,
        method.num_features,
    )
    for draw in ("generated", "abnormality"):
        if hasattr(method, draw) and views == 1:
            made = getattr(method, draw)(none)
            assert all(len(part) == 0 for part in (made if isinstance(made, tuple) else (made,)))
    assert [len(part) for part in doc.drawn_textures(torch.zeros(0, 3, 16, 16))] == [0, 0]
