"""Every method in a plain Trainer: the batches that it asks for, or one line."""

import lightning as L
import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Recipe
from tests.methods.own_trainer import Seen, built, data_of, trainer

TRACKS = {
    "long_tail": "phantom@lt20",
    "few_shot": "phantom@shot1",
    "one_class": "phantom@oneclass",
    "active": "phantom@active",
}
EVERY = pytest.mark.parametrize("name", methods.names())
# What one fit cannot train, and the words that say so.
STAGED = {
    n
    for n in methods.names()
    if len(methods.get(n).stages) > 1
    or any(stage.by for stage in methods.get(n).stages)
    or n == "metric_two_stage"
}
UNTRAINED = {n for n in methods.names() if not methods.get(n).stages}
CHOOSERS = {n for n in methods.names() if "learner" in methods.describe(n).arguments}


def data_for(name):
    """Data of the first track that the method runs in."""
    (track, *_) = methods.get(name).tracks
    data = data_of(TRACKS[track])
    return data_of("phantom@binary20") if methods.get(name).refuses(data.spec) else data


def parts(batch):
    """Images, targets and rows of both streams."""
    streams = [batch] if batch.second is None else [batch, batch.second]
    return [part for stream in streams for part in (stream.image, stream.target, stream.index)]


@EVERY
def test_every_method_trains_on_what_it_asks_for_or_says_what_it_needs(name):
    data = data_for(name)
    method, seen = built(name, data), Seen()
    if name in UNTRAINED:
        with pytest.raises(MedtailError, match=r"trains nothing: Trainer\.predict"):
            trainer(seen).fit(method, datamodule=data)
        assert not seen.batches
        return
    if name in STAGED | CHOOSERS:
        words = "is trained in stages" if name in STAGED else "chooses what to label"
        with pytest.raises(MedtailError, match=words) as error:
            trainer(seen).fit(method, datamodule=data)
        assert "\n" not in str(error.value)
        assert "medtail bench" in str(error.value)
        assert not seen.batches
        return
    trainer(seen, max_epochs=2).fit(method, datamodule=data)
    twin = data_for(name)  # the runner's way
    twin.connect(method.request(method.stage), 24, 3, 2)
    loader = twin.train_dataloader()
    expected = []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        expected += [batch for batch, _ in zip(loader, range(2), strict=False)]
    assert len(seen.batches) == len(expected) >= 2
    for batch, raw in zip(seen.batches, expected, strict=True):
        given, asked = parts(batch), parts(twin.on_after_batch_transfer(raw, 0))
        assert len(given) == len(asked)
        assert all(torch.equal(a, b) for a, b in zip(given, asked, strict=True))
    assert bool(getattr(method, "concluded", True))


def test_a_sampler_that_moves_knows_the_trainers_length():
    """``progressive`` begins at the natural distribution and ends balanced."""
    data, seen = data_of("phantom@lt20"), Seen()
    fit = trainer(seen, max_epochs=3, limit_train_batches=1.0)
    fit.fit(built("progressive_sampling", data), datamodule=data)
    targets = torch.cat([b.target for b in seen.batches]).view(3, -1)
    shares = torch.stack([t.bincount(minlength=7) / len(t) for t in targets])
    natural = torch.tensor(data.spec.class_counts) / sum(data.spec.class_counts)
    far = (shares - natural).abs().sum(1)
    assert far[0] < far[1] < far[2]
    assert (shares[2] - 1 / 7).abs().max() < 0.1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_epochs": -1, "max_steps": 3}, r"write Trainer\(max_epochs"),
        ({"precision": "bf16-true"}, "precision bf16-true"),
        ({"overfit_batches": 2}, "take limit_train_batches"),
    ],
)
def test_a_trainer_that_would_train_otherwise_is_refused(arguments, words):
    data = data_of("phantom@lt20")
    with pytest.raises(MedtailError, match=words):
        trainer(**arguments).fit(built("erm", data), datamodule=data)


def test_other_data_than_it_was_built_for_is_refused():
    method = built("ldam", data_of("phantom@lt20"))
    with pytest.raises(MedtailError, match=r"built for phantom@lt20.*class_counts"):
        trainer().fit(method, datamodule=data_of("phantom@natural"))
    few = data_of("phantom@shot1")
    with pytest.raises(MedtailError, match="cannot run on phantom@lt20"):
        trainer().fit(built("maml", data_of("phantom@lt20")), datamodule=data_of("phantom@lt20"))
    trainer().validate(built("maml", few), datamodule=few, verbose=False)
    # To predict, other counts do no harm.
    trainer().validate(method, datamodule=data_of("phantom@natural"), verbose=False)


def test_loaders_by_themselves_do_not_know_what_a_method_asks():
    data = data_of("phantom@lt20")
    with pytest.raises(MedtailError, match=r"\(sampler=class_balanced\).*datamodule=data"):
        trainer().fit(built("class_balanced_sampling", data), data.train_dataloader())
    with pytest.raises(MedtailError, match="uint8, not normalised"):
        trainer().fit(built("erm", data), data.train_dataloader())


def test_the_users_recipe_and_unknown_optimisers():
    data = data_of("phantom@lt20")
    method = built("erm", data)
    method.recipe = Recipe("adamw", lr=0.003, weight_decay=0.1)
    fit = trainer()
    fit.fit(method, datamodule=data)
    assert isinstance(fit.optimizers[0], torch.optim.AdamW)
    assert fit.optimizers[0].param_groups[0]["initial_lr"] == 0.003
    method.recipe = Recipe("adamm")
    with pytest.raises(MedtailError, match=r"unknown optimizer 'adamm'.*adam"):
        trainer().fit(method, datamodule=data)


def test_connect_goes_before_and_is_said():
    data, seen = data_of("phantom@lt20"), Seen()
    data.connect(DataRequest(sampler="square_root"), 10, 0, 1)
    with pytest.warns(UserWarning, match="square_root"):
        trainer(seen).fit(built("class_balanced_sampling", data), datamodule=data)
    assert len(seen.batches[0].target) == 10
    data.disconnect()
    trainer(seen).fit(built("class_balanced_sampling", data), datamodule=data)
    assert data.request.sampler == "class_balanced"
    assert len(seen.batches[-1].target) == 24


def test_the_seed_of_the_order_is_lightnings(monkeypatch):
    drawn = []
    for seed in (3, 4, None):
        data, seen = data_of("phantom@lt20"), Seen()
        method = built("erm", data)
        if seed is None:
            monkeypatch.delenv("PL_GLOBAL_SEED")
        else:
            monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        trainer(seen).fit(method, datamodule=data)
        drawn.append((data.seed, seen.batches[0].index))
    assert [seed for seed, _ in drawn] == [3, 4, 0]
    assert not torch.equal(drawn[0][1], drawn[1][1])


class Rows(L.Callback):
    """Writes the rows of every training batch of each process to a folder."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        place = self.folder / f"{trainer.current_epoch}-{batch_idx}-{trainer.global_rank}.pt"
        torch.save(batch.index, place)


@pytest.mark.slow
def test_two_processes_share_the_batches_of_one(tmp_path):
    """Lightning's own distributed sampler, on by default, would deal other halves to them."""
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        several = {"strategy": "ddp_spawn", "devices": 2} if processes == 2 else {}
        data = data_of("phantom@lt20")
        fit = trainer(Rows(folder), max_epochs=2, limit_train_batches=3, **several)
        fit.fit(built("square_root_sampling", data), datamodule=data)
    alone = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(alone) == 6
    for name in alone:
        halves = [
            torch.load(tmp_path / "2" / f"{name.removesuffix('-0.pt')}-{rank}.pt")
            for rank in (0, 1)
        ]
        assert torch.equal(torch.cat(halves), torch.load(tmp_path / "1" / name))
