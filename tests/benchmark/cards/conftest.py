"""Few methods and datasets, one of them with made-up files."""

import subprocess

import numpy as np
import pytest

from medtail import datamodules, methods


@pytest.fixture
def few(monkeypatch):
    """Two methods and two datasets, one without files: quick."""
    some = {name: methods.registry()[name] for name in ("erm", "ldam")}
    data = {name: datamodules.registry()[name] for name in ("breastmnist", "isic2018")}
    monkeypatch.setattr(methods, "registry", lambda: some)
    monkeypatch.setattr(datamodules, "registry", lambda: data)


@pytest.fixture
def breast(tmp_path):
    """BreastMNIST's format with made-up images, in the data root of this test."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data/medmnist"
    folder.mkdir(parents=True)
    arrays = {}
    for split, n in (("train", 40), ("val", 10), ("test", 10)):
        arrays[f"{split}_images"] = rng.integers(0, 255, (n, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 4 > 0).astype(np.uint8)[:, None]
    path = folder / "breastmnist.npz"
    np.savez(path, **arrays)
    told = subprocess.run(["md5sum", path], capture_output=True, text=True, check=True).stdout
    path.with_suffix(".npz.md5").write_text(told.split()[0])
    return path
