"""A dataset's splits as CSV: code that only reads the file trains on the very same images."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from medtail import datamodules
from medtail.datamodules.core import listing
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.errors import DataError

TEXT = {"id": str, "label": str, "group": str}
REGIMES = ("natural", "lt20", "oneclass", "binary20", "shot1", "active")


def module_of(regime, tmp_path, **arguments):
    return datamodules.build(
        f"phantom@{regime}", 8, cache=tmp_path / "cache", count=700, **arguments
    )


def read(text):
    return pd.read_csv(io.StringIO(text), dtype=TEXT, keep_default_na=False)


class Newcomer(Dataset):
    """What somebody writes who knows the file and PyTorch, and nothing of medtail."""

    def __init__(self, table, split):
        self.table = table[(table.split == split) & table.kept].reset_index()

    def __len__(self):
        return len(self.table)

    def __getitem__(self, place):
        row = self.table.loc[place]
        return row.id, torch.tensor(row.target)


def seen(table, split):
    loader = DataLoader(Newcomer(table, split), batch_size=32)
    return [(name, int(k)) for names, targets in loader for name, k in zip(names, targets)]  # noqa: B905


def given(module, batches):
    rows = [(r, k) for b in batches for r, k in zip(b.index.tolist(), b.target.tolist())]  # noqa: B905
    return [(module.table.id[row], k) for row, k in rows]


@pytest.mark.parametrize("regime", REGIMES)
def test_a_plain_loop_over_the_file_gets_the_datamodules_rows(regime, tmp_path):
    module = module_of(regime, tmp_path)
    table = read(listing.listing(module))
    module.prepare()
    module.connect(DataRequest(), 1, seed=0, epochs=1)
    trained = given(module, module.train_dataloader())
    assert len(trained) == len(module.rows("train")) > 0
    assert sorted(seen(table, "train")) == sorted(trained)
    for split in ("val", "test"):
        assert seen(table, split) == given(module, module.plain_loader(split))
    assert table.id.tolist() == module.table.id.tolist()
    assert [module.class_names.index(name) for name in table.label] == module.table.target.tolist()
    assert table.group.tolist() == module.table.group.tolist()


def test_of_labels_alone_no_pixel_is_read(tmp_path, monkeypatch):
    module = module_of("lt20", tmp_path)
    monkeypatch.setattr(type(module), "read_image", lambda *_: pytest.fail("a pixel was read"))
    text = listing.listing(module)
    assert listing.listing(module_of("lt20", tmp_path)) == text
    assert not (tmp_path / "cache").exists()


def test_roles_are_those_of_the_regime(tmp_path):
    assert "role" not in read(listing.listing(module_of("lt20", tmp_path)))
    few, one, active = (module_of(r, tmp_path) for r in ("shot1", "oneclass", "active"))
    table = read(listing.listing(few))
    assert set(table.label[table.role == "rare"]) == set(few.plan.sought)
    assert set(table.role[(table.split == "test") & table.kept]) == {"rare"}
    assert set(table.role[(table.split != "test") & table.kept]) == {"common"}
    table = read(listing.listing(one))
    assert ((table.role == "abnormal") == (table.target == 1)).all()
    assert set(table.label[table.role == "given"]) == {one.plan.class_names[0]}
    table = read(listing.listing(active))
    for role, rows in (("start", "train"), ("pool", "pool"), ("query", "query")):
        assert np.flatnonzero(table.role == role).tolist() == sorted(active.rows(rows).tolist())


def test_excluded_copies_are_no_rows_of_a_split(tmp_path, monkeypatch):
    module = module_of("natural", tmp_path)
    monkeypatch.setattr(type(module), "copies", "exclude")
    module.arrange()
    module.split = module.split.astype("<U8")
    module.split[module.rows("train")[0]] = "excluded"
    module.apply_regime()
    row = read(listing.listing(module)).loc[np.flatnonzero(module.split == "excluded")[0]]
    assert (row.split, row.kept) == ("excluded", False)


def test_episodes_are_the_frozen_ones(tmp_path):
    module = module_of("shot1", tmp_path)
    table = read(listing.episodes(module, 5))
    frozen = module.test_episodes(5)
    for number, episode in enumerate(frozen):
        mine = table[table.episode == number]
        assert mine.id.tolist() == module.table.id[episode.rows].tolist()
        assert mine.target.tolist() == episode.target.tolist()
        assert mine.part.tolist() == ["support"] * 2 + ["query"] * (len(mine) - 2)
        labels = [module.class_names[k] for k in module.table.target[episode.rows]]
        assert mine.label.tolist() == labels
    with pytest.raises(DataError, match="has no episodes: take a regime such as shot5"):
        listing.episodes(module_of("lt20", tmp_path), 5)


def test_without_groups_the_id_stands_for_them(tmp_path):
    module = module_of("natural", tmp_path)
    module.arrange()
    object.__setattr__(module.table, "group", None)
    table = read(listing.listing(module))
    assert (table.group == table.id).all()
