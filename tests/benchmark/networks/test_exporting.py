"""Networks for other programs say what medtail says."""

import json

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from torch import nn

import medtail
from medtail import methods
from medtail.benchmark.networks import exporting
from medtail.benchmark.networks.description import Description
from medtail.benchmark.networks.network import Network
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell

SPEC = DataSpec("phantom@lt20", ("a", "b", "c"), (90, 30, 10), (20, 20))
NO_MAP = ("bbn", "ldam", "ncm", "bcl")  # two branches, cosines, distances


def fresh(method, backbone="test_resnet", **params):
    """A network of random weights with running statistics, as if it were trained."""
    torch.manual_seed(0)
    one = methods.build(method, SPEC, backbone=backbone, **params)
    with torch.no_grad():
        for part in one.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 1.5)
        for name in ("tau", "scale", "means"):
            if isinstance(value := getattr(one, name, None), torch.Tensor):
                value.uniform_(0.5, 1.5)
    asked = cell(method, data="phantom@lt20", backbone=backbone)
    about = Description(cell=asked, cell_id=asked.id, method=method, params=params, spec=SPEC,
                        normalisation=SPEC.normalisation, digest="")  # fmt: skip
    return Network(one, about)


def written(network, form, folder):
    out, beside = folder / "network.bin", folder / "network.bin.json"
    assert len(list(exporting.export(network, form, out, beside))) == 2
    return out, json.loads(beside.read_text())


def images(amount, size=(20, 20)):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (amount, 3, *size), dtype=torch.uint8, generator=generator)


def float_images(about, given):
    """As the description says: 0 to 1, then normalised."""
    mean, std = (torch.tensor(about["normalisation"][k]).view(-1, 1, 1) for k in ("mean", "std"))
    return (given / 255 - mean) / std


@pytest.mark.parametrize(
    ("method", "backbone"),
    [("erm", "test_resnet"), ("tau_norm", "test_resnet"), ("lws", "test_resnet"),
     ("post_hoc_logit_adjustment", "test_resnet"), ("erm", "resnet10t+no_pool"),
     ("erm", "test_efficientnet"), ("balanced_softmax", "resnet10t+small_stem")],
)  # fmt: skip
def test_a_state_dict_is_timms_wherever_the_classifier_is_linear(method, backbone, tmp_path):
    network = fresh(method, backbone)
    path, about = written(network, "state_dict", tmp_path)
    assert about["layout"] == "timm"
    model = timm.create_model(about["model"], **about["arguments"])
    if about["stem"]:
        exec(about["stem"], {"torch": torch, "model": model, "medtail": medtail})
    model.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        found = model.eval()(float_images(about, images(5))).softmax(1)
    np.testing.assert_allclose(found.numpy(), network(images(5)).numpy(), atol=1e-5)


@pytest.mark.parametrize("method", NO_MAP)
def test_elsewhere_the_names_are_the_methods_own(method, tmp_path):
    network = fresh(method)
    path, about = written(network, "state_dict", tmp_path)
    assert about["layout"] == "medtail"
    network.method.load_state_dict(torch.load(path, weights_only=True))


@pytest.mark.parametrize("method", ["erm", "tau_norm", *NO_MAP])
def test_torchscript_is_the_network_to_the_last_bit(method, tmp_path):
    network = fresh(method)
    path, about = written(network, "torchscript", tmp_path)
    again = torch.jit.load(path)
    for amount in (1, 4, 30):
        with torch.no_grad():
            assert torch.equal(again(images(amount)), network(images(amount)))
    assert about["class_names"] == ["a", "b", "c"]


@pytest.mark.parametrize("method", ["erm", "ncm"])
def test_onnxruntime_says_what_torch_says(method, tmp_path):
    network = fresh(method)
    path, about = written(network, "onnx", tmp_path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for amount in (1, 4, 30):
        (found,) = session.run(None, {"image": images(amount).numpy()})
        expected = network(images(amount)).numpy()
        np.testing.assert_allclose(found, expected, atol=exporting.TOLERANCE)
        assert found.dtype == np.float32
    assert about["input"].startswith("uint8 images")


def test_one_class_networks_keep_how_scores_are_read(network, tmp_path):
    one = network("mahalanobis")
    path, about = written(one, "onnx", tmp_path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": images(9).numpy()})
    np.testing.assert_allclose(found, one(images(9)).numpy(), atol=exporting.TOLERANCE)
    threshold = one.about.normality.threshold
    assert about["abnormal_above"] == pytest.approx(1 / (1 + np.exp(-threshold)), abs=1e-6)


@pytest.mark.parametrize("form", ["torchscript", "onnx"])
def test_what_cannot_be_exported_is_one_line_and_leaves_nothing(form, network, tmp_path):
    for one, said in (
        (network("protonet"), "a few-shot network learns from a support set each time"),
        (broken(), "cannot be written as|differs by"),
    ):
        with pytest.raises(MedtailError, match=said) as caught:
            written(one, form, tmp_path)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def broken():
    """A network that looks at its images before it knows what to do."""
    network = fresh("erm")
    features = network.method.features

    def looking(image):
        if float(image.mean()) > 100:
            return features(image) + 1
        return features(image) * float(image.sum())

    network.method.features = looking
    return network


def test_an_unknown_form_is_one_line(network, tmp_path):
    with pytest.raises(MedtailError, match="--format tflite: write state_dict, torchscript, onnx"):
        written(network("erm"), "tflite", tmp_path)
