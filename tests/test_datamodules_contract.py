"""What every dataset of the registry keeps, on its generated twin or as the project draws it."""

import numpy as np
import pytest
import torch
from twins import ARGUMENTS, TWINS

import datamodules
from benchmark.cell import Budget, Cell, Terms
from benchmark.tracks import supervised
from datamodules.core.card import card
from datamodules.core.contract import DataRequest
from datamodules.core.errors import DataError, DataMissingError
from datamodules.core.table import SPLITS

NO_FILES = {"phantom": {"count": 300}}  # drawn by the project, with arguments that keep it small
NAMES = [*TWINS, *(n for n in NO_FILES if n in datamodules.registry())]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Prepared module of a name, made once."""
    made = {}

    def build(name):
        if name not in made:
            root = tmp_path_factory.mktemp("twin")
            TWINS.get(name, lambda _: None)(root)
            arguments = ARGUMENTS[name](root) if name in ARGUMENTS else NO_FILES.get(name, {})
            made[name] = datamodules.build(name, 28, root=root, cache=root / "cache", **arguments)
            made[name].prepare()
        return made[name]

    return build


def test_every_dataset_has_a_twin():
    refused = {n for c in datamodules.registry().values() for n in c.refused if "+" not in n}
    tested = {name.split("+")[0] for name in [*TWINS, *NO_FILES]}
    assert set(datamodules.registry()) - refused <= tested


@pytest.mark.parametrize("name", NAMES)
def test_spec_and_table_agree(built, name):
    module = built(name)
    spec, table = module.spec, module.table
    assert spec.name == f"{name}@natural"
    assert spec.num_classes == len(set(spec.class_names)) >= 2
    assert min(spec.class_counts) > 0
    assert sum(spec.class_counts) == len(module.rows("train"))
    assert module.store.images.shape == (len(table), *spec.image_size, spec.in_channels)
    assert {len(module.rows(s)) > 0 for s in SPLITS} == {True}


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_no_group(built, name):
    module = built(name)
    rows = np.concatenate([module.rows(s) for s in SPLITS])
    assert len(rows) == len(set(rows))
    if module.table.group is not None and not module.leaks_allowed:
        groups = [set(module.table.group[module.rows(s)]) for s in SPLITS]
        assert sum(map(len, groups)) == len(set.union(*groups))


@pytest.mark.parametrize("name", NAMES)
def test_batches(built, name):
    module = built(name)
    spec = module.spec
    module.connect(DataRequest(second="class_balanced", views=2), 8, seed=1, epochs=1)
    batch = next(iter(module.train_dataloader()))
    assert batch.image.dtype == torch.uint8
    batch = module.on_after_batch_transfer(batch, 0)
    assert batch.image.shape == (8, 2, spec.in_channels, *spec.image_size)
    assert batch.image.dtype == batch.second.image.dtype == torch.float32
    assert batch.target.dtype == batch.index.dtype == torch.int64
    assert batch.image.abs().max() < 5
    assert set(batch.index.tolist()) <= set(module.rows("train").tolist())
    assert batch.target.tolist() == module.target[batch.index].tolist()
    seen = torch.cat([b.index for b in module.val_dataloader()])
    assert seen.tolist() == module.rows("val").tolist()


@pytest.mark.parametrize("name", NAMES)
def test_card_renders(built, name):
    module = built(name)
    text = card(module)
    assert text.startswith(f"# {name}@natural: ")
    for fact in (module.licence, module.digest, *module.class_names):
        assert fact in text
    assert max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize("name", TWINS)
def test_missing_files_are_one_clear_line(name, tmp_path):
    module = datamodules.build(name, 28, root=tmp_path, cache=tmp_path / "cache")
    with pytest.raises(DataMissingError) as caught:
        module.prepare()
    text = str(caught.value)
    assert "\n" not in text
    assert module.files in text
    assert str(tmp_path) in text or name == "image_table"


@pytest.mark.parametrize("name", TWINS)
def test_fetch_without_a_downloader_says_how(name, tmp_path, monkeypatch):
    module = datamodules.build(name, 28, root=tmp_path)
    if module.slugs[0] == "pathmnist":
        monkeypatch.setattr("torchvision.datasets.utils.download_url", _no_network)
    with pytest.raises(DataError) as caught:
        module.fetch()
    assert "\n" not in str(caught.value)


def _no_network(*_, **__):
    raise OSError("no network")


@pytest.mark.parametrize("name", NAMES)
def test_a_regime_changes_only_train(built, name, tmp_path_factory):
    module = built(name)
    arguments = {"root": module.root, "cache": module.cache}
    arguments |= ARGUMENTS[name](module.root) if name in ARGUMENTS else NO_FILES.get(name, {})
    cut = datamodules.build(f"{name}@lt5", 28, **arguments)
    cut.prepare()
    assert cut.store.path == module.store.path
    assert cut.digest == module.digest
    assert set(cut.rows("train")) < set(module.rows("train"))
    for split in ("val", "test"):
        assert cut.rows(split).tolist() == module.rows(split).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_fit_and_predict(built, name, tmp_path):
    data = built(name)
    budget = Budget(epochs=1, batch_size=32, optimizer="adamw", lr=0.003)
    terms = Terms(data=str(data.name), image_size=data.image_size, budget=budget)
    cell = Cell(method="balanced_softmax", terms=terms)
    method = supervised.train(cell, data, tmp_path, 1, lambda line: None).method
    for split in ("val", "test"):
        scored = supervised.predict(method, data, terms, split)
        rows = data.rows(split)
        assert set(scored.id) == set(data.table.id[rows])
        by_id = dict(zip(data.table.id, data.target, strict=True))
        assert [by_id[i] for i in scored.id] == scored.target.tolist()
        assert scored.logits.shape == (len(rows), data.spec.num_classes)
