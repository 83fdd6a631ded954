"""A network as the state dict of a timm model, wherever its classifier is a linear map."""

import copy
from typing import Any

import timm
import torch
from torch import Tensor, nn

from medtail.methods.core.backbones import STEMS
from medtail.methods.core.base import Method

from .network import Network, example

PROBES = 64  # random features on which a classifier's linear map is checked
CHANGES = {  # what is done to timm's model before its weights are loaded
    "no_pool": "model.maxpool = torch.nn.Identity()",
    "small_stem": "medtail.methods.core.backbones.small_stem(model, '')",
}


def state_dict(network: Network) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, and what they are.

    Where ``timm.create_model(name, num_classes=K, in_chans=C)`` gives the same logits, the names
    are those of that model, and what a method does to its classifier (scales, norms, priors) is
    within the weights. Elsewhere they are the method's own.
    """
    whole = as_timm(network)
    if whole is not None:
        return whole
    state = {name: value.cpu() for name, value in network.method.state_dict().items()}
    return state, {
        "layout": "medtail",
        "keys": f"those of medtail's {network.about.method}: backbone.* is the backbone (timm's "
        "names), the rest what the method puts above it",
    }


def as_timm(network: Network) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The state dict of a timm model that gives the same logits, checked; None where none does."""
    method, spec = network.method, network.about.spec
    name = network.about.cell.terms.backbone
    model, _, stem = name.partition("+")
    found = linear(method, spec.num_classes)
    if found is None or spec.features or not timm.is_model(model):
        return None
    arguments = {"num_classes": spec.num_classes, "in_chans": spec.in_channels}
    twin = timm.create_model(model, **arguments)
    if stem:
        STEMS[stem](twin, name)
    head = twin.pretrained_cfg.get("classifier")
    state = {k: v.cpu() for k, v in method.backbone.state_dict().items()}
    state |= {f"{head}.weight": found[0].cpu(), f"{head}.bias": found[1].cpu()}
    try:
        twin.load_state_dict(state)
    except RuntimeError:
        return None
    given = network.normalise(example(network)).cpu()
    with torch.no_grad():
        ours, theirs = method(given.to(network.device)).cpu(), twin.eval()(given)
    if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4):
        return None
    return state, {
        "layout": "timm",
        "model": model,
        "arguments": arguments,
        "stem": CHANGES[stem] if stem else "",
        "input": "float images [B, C, H, W], 0 to 1, normalised by mean and std",
        "output": "logits [B, K] in the order of class_names",
    }


def linear(method: Method, classes: int) -> tuple[Tensor, Tensor] | None:
    """Weight [K, D] and bias [K] that give the scored logits; None where they are not linear."""
    probe, dim = copy.deepcopy(method).cpu().double(), method.num_features
    generator = torch.Generator().manual_seed(0)
    some = torch.rand(PROBES, dim, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        bias = probe.score(torch.zeros(1, dim, dtype=torch.float64))[0]
        weight = (probe.score(torch.eye(dim, dtype=torch.float64)) - bias).T
        wanted = probe.score(some)
    if weight.shape != (classes, dim) or not torch.allclose(some @ weight.T + bias, wanted):
        return None
    head = method.classifier
    if type(head) is nn.Linear and head.bias is not None and _close(head, weight, bias):
        return head.weight.detach(), head.bias.detach()  # not changed: to the last bit
    return weight.float(), bias.float()


def _close(head: nn.Linear, weight: Tensor, bias: Tensor) -> bool:
    pairs = ((head.weight, weight), (head.bias, bias))
    return all(torch.allclose(mine.detach().cpu().double(), found) for mine, found in pairs)
