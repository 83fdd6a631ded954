"""Features of a frozen network: what a pass of it gives, kept; damaged ones are made anew."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from medtail import methods
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.features import extraction
from medtail.benchmark.features.standing_in import compute, stand_in
from medtail.benchmark.features.symmetries import symmetries
from medtail.benchmark.grid.cell import Budget
from medtail.benchmark.grid.weights import resolved
from medtail.datamodules.core import derived
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import QUICK, terms

FROZEN = Budget(**QUICK.model_dump() | {"tune": "frozen", "precision": "32-true"})
COUNT = {"count": 110}
ROLES = ("train", "train", "val", "test")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    prepared.cache_clear()
    yield
    prepared.cache_clear()


def standing(**changes):
    """Data with the features of a small network that nobody has computed yet."""
    values = {"budget": FROZEN, "data_params": COUNT} | changes
    mine = terms(**values)
    data = prepared(mine)
    stand_in(mine, data)
    return data


def computed(**changes):
    data, told = standing(**changes), []
    compute(data, told.append)
    return np.array(data.features.features), data, told


def test_they_are_what_a_pass_of_the_network_gives():
    kept, data, _ = computed()
    assert kept.dtype == np.float16
    assert kept.shape == (110, 8, data.spec.features)
    images = torch.from_numpy(np.array(data.store.images)).permute(0, 3, 1, 2)
    network = data.features.network
    for view, turned in enumerate(symmetries("symmetries", True)):
        shown = data.store.images  # in other batches than they were computed in
        assert len(shown) == 110
        direct = torch.cat([network(turned(images[i : i + 7])) for i in range(0, 110, 7)])
        assert np.allclose(kept[:, view], direct.numpy(), rtol=2e-3, atol=1e-4)
    assert not np.array_equal(kept[:, 0], kept[:, 1])


def test_half_precision_moves_them_by_less_than_a_thousandth():
    kept, data, _ = computed()
    backbone = data.features.network.backbone
    with torch.no_grad():
        batch = next(iter(extraction_free(data)))
        exact = backbone(batch).numpy()
    assert np.abs(kept[: len(exact), 0] - exact).max() < 2e-3 * max(1, np.abs(exact).max())
    assert not np.array_equal(kept[: len(exact), 0].astype(np.float32), exact)


def extraction_free(data):
    """The plain images of the first rows, normalised as a training would see them."""
    fresh = prepared(terms(data_params=COUNT))
    assert fresh.features is None
    image = torch.from_numpy(np.array(fresh.store.images[:16])).permute(0, 3, 1, 2)
    yield fresh.normalise(image)


def test_without_augmentation_there_is_one_view():
    kept, _, _ = computed(augment="none")
    assert kept.shape[1] == 1
    wide, _, _ = computed(image_size=(16, 20))
    assert wide.shape[1] == 4


def test_what_they_depend_on_is_in_their_name(tmp_path):
    names = {
        standing(**changes).features.path
        for changes in (
            {},
            {"augment": "none"},
            {"normalisation": "half"},
            {"backbone": "conv4"},
            {"image_size": (20, 20)},
            {"data_params": {"count": 110, "draw_seed": 1}},
        )
    }
    assert len(names) == 6
    same = {standing(head="mlp").features.path, standing(data="phantom@lt5").features.path}
    assert same == {standing().features.path}


def test_images_that_are_touched_or_moved_have_the_features_that_are_there(tmp_path):
    rng, paths = np.random.default_rng(0), []
    lines = "".join(f"{n:02d}.png,{'ab'[n % 2]},{ROLES[n // 2 % 4]}\n" for n in range(24))
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "t.csv").write_text(f"image,label,split\n{lines}")
    for n in range(24):
        drawn = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
        for place, moment in (("here", 10**9), ("there", 2 * 10**9)):
            file = tmp_path / place / f"{n:02d}.png"
            drawn.save(file)
            os.utime(file, (moment, moment))
    for place in ("here", "there"):
        params = {"file": str(tmp_path / place / "t.csv")}
        data = standing(data="image_table@natural", data_params={"file": "t.csv"}, local=params)
        paths.append(data.features.path)
    assert paths[0] == paths[1]
    drawn = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    drawn.save(tmp_path / "there" / "00.png")
    prepared.cache_clear()
    assert (
        standing(
            data="image_table@natural", data_params={"file": "t.csv"}, local=params
        ).features.path
        != paths[0]
    )


def test_other_weights_are_other_features_and_training_moves_none(tmp_path):
    paths = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        file = tmp_path / f"{seed}.pt"
        spec = DataSpec("two", ("a", "b"), (4, 4), (16, 16))
        torch.save(methods.build("erm", spec).backbone.state_dict(), file)
        weights, _ = resolved(str(file), "imagenet", "test_resnet", 3)
        data = standing(weights=weights)
        paths.append(data.features.path)
        images = torch.from_numpy(np.array(data.store.images[:20])).permute(0, 3, 1, 2)
        network = data.features.network
        before = network(images)
        assert torch.equal(network.train()(images), before)
    assert len({*paths, standing().features.path}) == 3


@pytest.mark.parametrize("harm", ["flip", "cut", "foreign", "alone"])
def test_damaged_and_foreign_files_are_set_aside_and_made_anew(harm):
    kept, data, told = computed()
    assert not told
    path = data.features.path
    note = derived.note_of(path)
    whole = path.read_bytes()
    if harm == "flip":
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    elif harm == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif harm == "foreign":
        said = json.loads(note.read_text())
        said["what"]["weights"] = "others"
        note.write_text(json.dumps(said))
    else:
        note.unlink()
    prepared.cache_clear()
    with derived.collected() as told:
        again, _, _ = computed()
    assert np.array_equal(again, kept)
    assert len(told) == 1
    assert path.name in told[0]
    assert "set aside" in told[0]
    assert path.read_bytes() == whole


def test_a_stopped_run_is_gone_on_with(monkeypatch):
    whole, _, _ = computed(backbone="conv4")
    monkeypatch.setattr(extraction, "NOTE", 0.0)
    monkeypatch.setattr(extraction.Extracted, "step", 16)
    seen = []
    real = extraction.Extracted.batch

    def stopping(self, rows):
        if rows.start == 48 and 48 not in seen:
            seen.append(48)
            raise KeyboardInterrupt
        seen.append(rows.start)
        return real(self, rows)

    monkeypatch.setattr(extraction.Extracted, "batch", stopping)
    data = standing(backbone="conv4")
    data.features.path.unlink()
    with pytest.raises(KeyboardInterrupt):
        compute(data, lambda line: None)
    assert not data.features.path.exists()
    compute(data, lambda line: None)
    assert seen == [0, 16, 32, 48, 48, 64, 80, 96]
    found = np.array(data.features.features)
    assert np.allclose(found, whole, rtol=2e-3, atol=1e-4)


def test_features_that_are_no_numbers_are_refused(monkeypatch):
    data = standing()
    for weight in data.features.network.parameters():
        weight.data.fill_(1e30)
    with pytest.raises(MedtailError, match="no finite number"):
        compute(data, lambda line: None)
    assert not data.features.path.exists()


def test_the_plan_tells_how_long_features_take_that_are_not_there(monkeypatch):
    from medtail.benchmark.execution import estimate
    from tests.benchmark.cells import cell

    one = cell("erm", budget=FROZEN, data_params=COUNT)
    found = estimate.features_first([one])
    assert list(found) == ["phantom"]
    assert found["phantom"] > 0
    prepared(one.terms).features.ensure()
    assert not estimate.features_first([one])
    assert not estimate.features_first([cell("erm", data_params=COUNT)])
