"""What every dataset of the registry keeps, on its generated twin or as the project draws it."""

import pickle

import numpy as np
import pytest
import torch

from medtail import datamodules
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import supervised
from medtail.datamodules.core.card import card
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.errors import DataError, DataMissingError, MedtailError
from medtail.datamodules.core.table import SPLITS
from tests.twins import ARGUMENTS, LISTS, TWINS

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
            made[name] = again(name, root, root / "cache")
        return made[name]

    return build


def again(name, root, cache, regime="natural"):
    """Prepared module of a name, on a twin that is written."""
    arguments = ARGUMENTS[name](root) if name in ARGUMENTS else NO_FILES.get(name, {})
    module = datamodules.build(f"{name}@{regime}", 28, root=root, cache=cache, **arguments)
    module.prepare()
    return module


def test_every_dataset_has_a_twin():
    refused = {n for c in datamodules.registry().values() for n in c.refused if "+" not in n}
    tested = {name.split("+")[0] for name in [*TWINS, *NO_FILES]}
    ours = {name for name in datamodules.registry() if not datamodules.origin(name)}
    assert ours - refused <= tested


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
def test_travels_to_another_process(built, name, tmp_path):
    module = again(name, built(name).root, tmp_path)  # its cache has just been filled
    text = pickle.dumps(module)
    assert len(text) < module.store.images.nbytes / 2  # no pixel travels
    there = pickle.loads(text)
    there.prepare()
    assert (there.store.images == module.store.images).all()
    assert there.rows("train").tolist() == module.rows("train").tolist()


BAD = {
    "split_seed": (-1, 0.5, "0", True),
    "workers": (-1, 0.5, "many"),
    "augment": ("fancy", None, ["standard"]),
    "image_size": (0, -3, 2.5, "28", (28, 0), (1, 2, 3), ()),
    "allow_leaks": (True,),
    "fancy": (1,),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("argument", BAD)
def test_bad_arguments_are_one_clear_line(name, argument):
    for value in BAD[argument]:
        with pytest.raises(MedtailError, match=argument) as caught:
            datamodules.build(name, **{argument: value})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_can_be_given(name):
    known = datamodules.parameters(name.split("+")[0])
    assert {"root", "cache", "augment", "split_seed", "workers"} <= set(known)
    datamodules.build(name, **known)


@pytest.mark.parametrize("name", NAMES)
def test_binary_is_the_most_frequent_class_against_all_others(built, name):
    module = built(name)
    counts = module.spec.class_counts
    binary = again(name, module.root, module.cache, "binary2")
    common = module.class_names[counts.index(max(counts))]
    assert binary.spec.class_names == (common, f"not {common}")
    given, rest = binary.plan.wanted
    assert given // 2 == rest > 0
    assert not binary.spec.ordinal


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


@pytest.mark.parametrize("name", LISTS)
def test_broken_lists_are_one_clear_line(name, tmp_path):
    """An image that stands twice, and a file that is cut off: each with its line."""
    TWINS[name](tmp_path)
    for file in LISTS[name]:
        (path,) = tmp_path.rglob(file)
        text = path.read_text()
        lines = text.splitlines()
        twice = [*lines[:9], "", lines[3], *lines[9:]]
        cut = [*lines[:-1], lines[-1][:5]]
        for rows, why in (
            (twice, f"{file}, line 11: '.*' stands already in .*{file}, line 4: keep one"),
            (cut, f"{file}, line {len(lines)}: too few columns"),
        ):
            path.write_text("\n".join(rows))
            with pytest.raises(DataError, match=why) as caught:
                again(name, tmp_path, tmp_path / "cache")
            assert "\n" not in str(caught.value)
        path.write_text(text)
    again(name, tmp_path, tmp_path / "cache")


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
def test_a_regime_changes_only_train(built, name):
    module = built(name)
    cut = again(name, module.root, module.cache, "lt5")
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
        scored = supervised.predict(method, data, split)
        rows = data.rows(split)
        assert set(scored.id) == set(data.table.id[rows])
        by_id = dict(zip(data.table.id, data.target, strict=True))
        assert [by_id[i] for i in scored.id] == scored.target.tolist()
        assert scored.logits.shape == (len(rows), data.spec.num_classes)
