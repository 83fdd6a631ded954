"""One small model of each of timm's families: it runs, or one line says why not."""

import pytest
import timm
import torch

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.backbones import build_backbone
from tests import few

# The smallest of each family by its parameters.
# fmt: off
SMALL = [
    "beit_base_patch16_224", "halonet_h1", "test_byobnet", "cait_xxs24_224", "coat_tiny",
    "convit_tiny", "convmixer_768_32", "test_convnext", "cpubone_nano", "crossvit_tiny_240",
    "csatv2", "cs3darknet_focus_s", "cspnext_tiny", "davit_tiny", "deepseek_vit_412m",
    "deit_tiny_patch16_224", "densenet121", "dla46x_c", "dpn48b", "edgenext_xx_small",
    "efficientformer_l1", "efficientformerv2_s0", "test_efficientnet", "efficientvim_m1",
    "efficientvit_b0", "efficientvit_m0", "vit_tiny_patch16_dinov3_qkvb", "fasternet_t0",
    "fastvit_t8", "focalnet_tiny_srf", "gcvit_xxtiny", "gemma4_vit_167m", "ghostnet_050",
    "hardcorenas_b", "hgnetv2_b0", "hiera_tiny_224", "sam2_hiera_tiny", "hrnet_w18_small",
    "iformer_t", "inception_next_atto", "inception_resnet_v2", "inception_v3", "inception_v4",
    "lcnetv2_small", "levit_128s", "lowformer_b0", "test_mambaout", "test_coatnet",
    "poolformerv2_s12", "gmlp_ti16_224", "lcnet_035", "mobilenetv5_base", "mobilevit_xxs",
    "mvitv2_tiny", "naflexvit_base_patch16_parfac_gap", "nasnetalarge", "nest_tiny",
    "nextvit_small", "test_nfnet", "pit_ti_224", "pnasnet5large", "pvt_v2_b0", "qwen3_vit_88m",
    "rdnet_tiny", "regnetx_002", "repghostnet_050", "repvit_m1", "res2next50", "resnest14d",
    "test_resnet", "resnetv2_18", "rexnet_100", "selecsls42", "legacy_seresnet18",
    "sequencer2d_s", "shvit_s1", "skresnet18", "starnet_s050", "swiftformer_xs",
    "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swinv2_cr_tiny_224",
    "tiny_vit_5m_224", "tnt_s_legacy_patch16_224", "tresnet_m", "twins_svt_small", "vgg11",
    "visformer_tiny", "test_vit", "vit_tiny_r_s16_p8_224", "test_vit_relpos",
    "samvit_base_patch16_224", "vitamin_small_224", "volo_d1_224", "ese_vovnet19b_slim_dw",
    "legacy_xception", "xception41p", "xcit_nano_12_p8_224",
]
# fmt: on
COLOURED = {"csatv2"}


def images(height, width, channels=3):
    return DataSpec("any", ("a", "b"), (5, 5), (height, width), channels)


def own_size(name):
    made = timm.get_pretrained_cfg(name)
    return made.input_size[1:] if made else (224, 224)


def test_every_family_has_its_model():
    lacking = [f for f in timm.list_modules() if not {*timm.list_models(module=f)} & {*SMALL}]
    assert not lacking, "name the smallest model of each above"


@pytest.mark.slow
@pytest.mark.parametrize("name", few(SMALL, "swin_tiny_patch4_window7_224", "vgg11", "test_vit"))
def test_it_runs_at_28_or_64_px_or_its_own_size_or_says_why_not(name):
    """Grey images, too, but for those that take colours only."""
    for size in ((28, 28), (64, 64), own_size(name)):
        try:
            network, width = build_backbone(name, images(*size))
        except MedtailError as error:
            line = str(error)
            assert "\n" not in line
            assert f"backbone '{name}' cannot run on images of {size[0]} x {size[1]} px" in line
            continue
        with torch.no_grad():
            assert network.eval()(torch.rand(2, 3, *size)).shape == (2, width)
        break
    else:
        pytest.fail(f"{name} runs at no size, not at its own")
    if name in COLOURED:
        with pytest.raises(MedtailError, match=r"with 1 channel \("):
            build_backbone(name, images(*size, channels=1))
        return
    network, width = build_backbone(name, images(*size, channels=1))
    with torch.no_grad():
        assert network.eval()(torch.rand(2, 1, *size)).shape == (2, width)
