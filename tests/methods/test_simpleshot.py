"""SimpleShot: transforms in loops, what centring does, where the mean is from."""

import copy

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.simpleshot import transformed
from tests.methods.few_shot import build, episodes, support_of


def by_hand(support, target, query, mean, transform):
    def t(f):
        f = f - mean if transform == "CL2N" else f
        return f if transform == "UN" else f / np.sqrt((f**2).sum())

    ways = sorted(set(target))
    centres = [
        np.mean([t(f) for f, y in zip(support, target, strict=True) if y == n], 0) for n in ways
    ]
    return np.array([[-((t(q) - c) ** 2).sum() for c in centres] for q in query])


def ready(transform, seed=0):
    """A method whose features are the images' first numbers, far from 0."""
    method = build("simpleshot", transform=transform).eval()
    method.features = lambda image: image.flatten(1)[:, :64] + 3
    known = episodes(seed=seed)
    base = [part for part in (known.image[1], known.image[2])]
    plain = [
        support_of(known)._replace(image=image, target=torch.zeros(len(image)).long())
        for image in base
    ]
    method.conclude(plain, [])
    mean = torch.cat(base).flatten(1)[:, :64].numpy().mean(0) + 3
    return method, known, mean


@pytest.mark.parametrize("transform", ["CL2N", "L2N", "UN"])
def test_scores_are_the_cards(transform):
    method, known, mean = ready(transform)
    np.testing.assert_allclose(method.mean.numpy(), mean, rtol=1e-5)
    support, query = support_of(known), known.image[0, 6:]
    found = method.adapt(support)(query)
    f = (known.image[0].flatten(1)[:, :64] + 3).double().numpy()
    expected = by_hand(f[:6], support.target.tolist(), f[6:], mean.astype(float), transform)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_centres_are_not_brought_to_length_one_again():
    method, known, _ = ready("L2N")
    spread = by_hand(
        np.array([[1.0, 0], [0, 1.0], [1, 1]]), [0, 0, 1], np.array([[1.0, 0]]), 0, "L2N"
    )
    assert spread[0, 0] == pytest.approx(-0.5)  # (1, 0) to (.5, .5)
    method.features = lambda image: image
    method.mean = torch.zeros(2)
    support = support_of(known)._replace(
        image=torch.tensor([[1.0, 0], [0, 1], [1, 1]]), target=torch.tensor([0, 0, 1])
    )
    assert method.adapt(support)(torch.tensor([[1.0, 0]]))[0, 0].item() == pytest.approx(-0.5)


def test_a_shift_of_all_features_changes_nothing_where_they_are_centred():
    f, mean, shift = torch.randn(5, 8), torch.randn(8), torch.full((8,), 4.0)
    torch.testing.assert_close(
        transformed(f + shift, mean + shift, "CL2N"),
        transformed(f, mean, "CL2N"),
        atol=1e-4,
        rtol=1e-3,
    )
    assert not torch.allclose(transformed(f + shift, mean, "L2N"), transformed(f, mean, "L2N"))
    assert torch.equal(transformed(f, mean, "UN"), f)


def test_with_one_image_a_class_directions_are_compared_by_cosine():
    f = transformed(torch.randn(4, 8), torch.zeros(8), "L2N")
    distance = (f[:1] - f[1:]).square().sum(1)
    torch.testing.assert_close(distance, 2 - 2 * f[1:] @ f[0])


def test_the_mean_is_of_the_base_classes_and_is_kept():
    method, known, _ = ready("CL2N")
    before = copy.deepcopy(method.state_dict())
    assert before["mean"].abs().sum() > 0
    method.adapt(support_of(known))(known.image[0, 6:])
    assert torch.equal(method.mean, before["mean"])


def test_an_unknown_transform_is_one_line():
    with pytest.raises(MedtailError, match="unknown transform 'CL3N'"):
        build("simpleshot", transform="CL3N")
