"""The small form of a dataset stands for its originals, to the last bit."""

import json
import shutil

import numpy as np
import pytest

from medtail import datamodules
from medtail.datamodules.core.content import image_digest, pixels_digest
from medtail.datamodules.core.errors import DataError, DataMissingError
from medtail.datamodules.core.pixels import prepared
from tests.twins import isic2018_official


def built(root, size=28):
    module = datamodules.build("isic2018@lt10", size, root=root, cache=root / "cache")
    module.prepare()
    return module


def written(root):
    module = built(root)
    path = prepared.place(root, "isic2018", (28, 28))
    words = (module.recipe, module.source)
    prepared.write(path, module.table.id.tolist(), module.store, *words)
    return module, path


@pytest.fixture
def without_images(tmp_path):
    """A data root with labels and the small form, and what it was made from."""
    isic2018_official(tmp_path)
    module, path = written(tmp_path)
    content = module.content
    shutil.rmtree(tmp_path / "isic2018" / "ISIC2018_Task3_Training_Input")
    shutil.rmtree(tmp_path / "cache")
    return tmp_path, content, path


def test_the_small_form_is_the_same_data(without_images):
    root, content, _ = without_images
    module = built(root)
    assert module.content == content
    assert module.source == "official JPEG"
    assert "Lanczos" in content.recipe
    assert "28 x 28" in content.recipe


def test_originals_come_first(tmp_path):
    isic2018_official(tmp_path)
    written(tmp_path)
    assert built(tmp_path).prepared is None


def test_another_size_needs_the_originals(without_images):
    root, *_ = without_images
    with pytest.raises(DataMissingError, match="not found"):
        built(root, 24)


def test_rows_may_stand_in_another_order(without_images):
    root, content, path = without_images
    images, facts = np.load(path), json.loads(path.with_suffix(".json").read_text())
    np.save(path, images[::-1])
    each = np.array([image_digest(image) for image in images[::-1]])
    facts |= {"ids": facts["ids"][::-1], "digest": pixels_digest(each, images.shape[1:])}
    path.with_suffix(".json").write_text(json.dumps(facts))
    assert built(root).content == content


@pytest.mark.parametrize("harm", ["cut", "no words", "fewer ids", "not json", "other pixels"])
def test_a_damaged_file_is_one_line(without_images, harm):
    root, _, path = without_images
    words = path.with_suffix(".json")
    facts = json.loads(words.read_text())
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    elif harm == "no words":
        words.unlink()
    elif harm == "fewer ids":
        words.write_text(json.dumps({**facts, "ids": facts["ids"][1:]}))
    elif harm == "not json":
        words.write_text("{")
    else:
        np.save(path, 255 - np.load(path))
    with pytest.raises(DataError, match="no whole prepared file") as caught:
        built(root)
    assert "\n" not in str(caught.value)


def test_an_id_that_it_lacks_is_named(without_images):
    root, _, path = without_images
    facts = json.loads(path.with_suffix(".json").read_text())
    facts["ids"][0] = "another"
    path.with_suffix(".json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="no image 'ISIC_"):
        built(root)
