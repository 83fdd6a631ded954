"""SupCon: a contrastive first stage, then a new classifier on plain images."""

import torch
from torch.nn import functional as F

from medtail.methods.core.contrast.losses import (
    supcon_loss,
)
from tests.methods.contrastive import build, exact


def test_the_classifier_beside_supcon_does_not_teach_the_encoder():
    method, drawn = build("supcon"), exact(2)
    method.loss(drawn).backward()
    found = {k: p.grad.clone() for k, p in method.backbone.named_parameters()}
    assert method.classifier.weight.grad.abs().sum() > 0
    method.zero_grad()
    z = method.projection(method.features(drawn.image.flatten(0, 1)))
    supcon_loss(z, drawn.target.repeat_interleave(2), 0.1).backward()
    for key, parameter in method.backbone.named_parameters():
        torch.testing.assert_close(found[key], parameter.grad)


def test_supcon_then_a_new_classifier_on_plain_images():
    method = build("supcon")
    first, second = method.stages
    assert method.request(first).views == 2
    assert build("supcon", resample=True).request(first).sampler == "class_balanced"
    old = method.classifier.weight.clone()
    method.enter(second)
    assert method.request(second).views == 1
    assert method.request(second).sampler == "instance"
    assert not torch.equal(method.classifier.weight, old)
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert learns == {"classifier.weight", "classifier.bias"}
    plain = exact(1)._replace(image=exact(1).image[:, 0])
    expected = F.cross_entropy(method(plain.image), plain.target)
    assert torch.equal(method.loss(plain), expected)
