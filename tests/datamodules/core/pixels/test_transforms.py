"""Augmentation: random, but only in its key."""

import random

import numpy as np
import pytest
from scipy.stats import chisquare

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.pixels.transforms import Augmenter, compose, randcls_sim, seeded

IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
KEYS = [(e, p, s) for e in range(2) for p in range(4) for s in range(2)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["mirror", "standard", "symmetries", "contrastive", "randcls_sim"])
def test_depends_only_on_the_key(name, channels):
    image = IMAGE[:, :, :channels]
    there, back = Augmenter(name, 1), Augmenter(name, 1)
    first = {key: there(image, key) for key in KEYS}
    second = {key: back(image, key) for key in reversed(KEYS)}
    for key in KEYS:
        assert first[key].shape == image.shape
        assert (first[key] == second[key]).all()


def places(keys, seed=1, square=True):
    """Which of its symmetries each key gives, by number."""
    image = IMAGE if square else IMAGE[:20]
    augment = Augmenter("symmetries", seed, image.shape[:2])
    flips = [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]
    known = [*flips, *(f.swapaxes(0, 1) for f in flips)] if square else flips
    number = {symmetry.tobytes(): n for n, symmetry in enumerate(known)}
    return np.array([number[augment(image, key).tobytes()] for key in keys])


NEIGHBOURS = {
    "position": [(3, p, 0) for p in range(2000)],
    "epoch": [(e, 5, 1) for e in range(2000)],
    "view": [(e, p, view) for e in range(10) for p in range(50) for view in range(4)],
}


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize("keys", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbouring_keys_give_every_symmetry_alike(keys, square):
    amount = 8 if square else 4
    found = places(keys, square=square)
    assert chisquare(np.bincount(found, minlength=amount)).pvalue > 1e-3
    pairs = np.bincount(found[:-1] * amount + found[1:], minlength=amount**2)
    assert chisquare(pairs).pvalue > 1e-3  # the next one does not follow from this one


def test_seeds_are_independent():
    keys = NEIGHBOURS["position"]
    pairs = np.bincount(places(keys, 1) * 8 + places(keys, 2), minlength=64)
    assert chisquare(pairs).pvalue > 1e-3


def test_unknown_name_is_refused():
    for make in (compose, lambda name: Augmenter(name, 0)):
        with pytest.raises(MedtailError, match=r"unknown augmentation 'fancy'.*standard"):
            make("fancy")


@pytest.mark.parametrize("name", ["standard", "randcls_sim"])
def test_global_random_state_is_left_alone(name):
    np.random.seed(0)
    before, python = np.random.get_state(), random.getstate()
    Augmenter(name, 1)(IMAGE, (0, 0, 0))
    assert (np.random.get_state()[1] == before[1]).all()
    assert np.random.get_state()[2] == before[2]
    assert random.getstate() == python


def test_none_is_the_image_itself():
    assert Augmenter("none", 0)(IMAGE, (0, 0, 0)) is IMAGE


def test_brightness_stays_near():
    means = [Augmenter("standard", 1)(IMAGE, (0, p, 0)).mean() for p in range(50)]
    assert np.mean(means) == pytest.approx(IMAGE.mean(), abs=10)


def test_views_keep_their_hue():
    """Colour is diagnostic: brightness and contrast change, red stays red, none turns grey."""
    red = np.full((28, 28, 3), (180, 90, 100), np.uint8)
    views = [Augmenter("contrastive", 1)(red, (0, p, 0)).astype(int) for p in range(50)]
    means = np.array([view.mean((0, 1)) for view in views])
    assert np.ptp(means[:, 0]) > 60
    assert (means[:, 0] - means[:, 1:].max(1) > 15).all()
    # Without clipping, channels differ by one factor and one shift.
    inside = [m for m, v in zip(means, views, strict=True) if v.min() > 0 and v.max() < 255]
    slope = [(m[0] - m[1]) / (m[2] - m[1]) for m in inside]
    assert slope == pytest.approx([9.0] * len(slope), rel=0.3)


def test_views_show_parts_of_the_image():
    """A dark spot in the middle, a tenth of the area, is enlarged and stays in sight."""
    image = np.full((28, 28, 3), 200, np.uint8)
    image[10:19, 10:19] = 20
    views = [Augmenter("contrastive", 1)(image, (0, p, 0)).astype(int) for p in range(100)]
    dark = [(view < (view.min() + view.max()) / 2).all(2).mean() for view in views]
    assert min(dark) > 0.08
    assert 0.13 < np.mean(dark) < 0.25


def test_the_two_views_of_paco_are_augmented_otherwise():
    """A fifth of the second views are grey; the first are sharp, and parts of both enlarged."""
    rng = np.random.default_rng(0)
    coloured = rng.integers(0, 256, (56, 56, 3), np.uint8) // (1, 2, 4)
    augment = Augmenter("randcls_sim", 1, (56, 56))
    first, second = (
        np.stack([augment(coloured.astype(np.uint8), (0, p, view)) for p in range(300)])
        for view in (0, 1)
    )
    assert first.shape == second.shape == (300, 56, 56, 3)
    grey = [(np.ptp(views, axis=3) <= 1).all((1, 2)).mean() for views in (first, second)]
    assert grey[0] < 0.02
    assert 0.13 < grey[1] < 0.27
    assert augment.drawable is False
    again = Augmenter("randcls_sim", 1, (56, 56))(coloured.astype(np.uint8), (0, 7, 1))
    assert (again == second[7]).all()


def test_pacos_views_are_parts_of_the_image():
    """Each pixel of a ramp tells where it was: the share of the width that a view shows."""
    ramp = np.repeat(np.arange(0, 224, 4, np.uint8)[None, :, None], 56, 0).repeat(3, 2)
    part = randcls_sim((56, 56))[1].transforms[0]
    part.set_random_state(np.random.default_rng(0), random.Random(0))
    shown = [part(image=ramp)["image"][:, :, 0].astype(int) for _ in range(400)]
    widths = np.array([np.ptp(view) / 220 for view in shown])
    assert 0.2 < widths.min() < 0.3, "0.08 of the area at 3 : 4 is 0.24 of the width"
    assert widths.max() > 0.95


def test_what_draws_from_global_states_leaves_them():
    with seeded(3):
        drawn = random.random(), np.random.rand()
    with seeded(3):
        assert (random.random(), np.random.rand()) == drawn


REFLECTED = 4  # OpenCV's number of the border that is mirrored without its outermost pixel
SMALL = {"x": (0.9, 1.1), "y": (0.9, 1.1)}
LARGE = {"x": (1, 0.3**-0.5), "y": (1, 0.3**-0.5)}
JITTERED = dict.fromkeys(("brightness", "contrast", "saturation"), (0.6, 1.4)) | {"hue": (0, 0)}
CROPPED = {"scale": (0.08, 1), "ratio": (3 / 4, 4 / 3)}


def light(amount):
    return dict.fromkeys(("brightness_limit", "contrast_limit"), (-amount, amount))


def moved(scale, part, turned):
    along = dict.fromkeys("xy", (-part, part))
    said = {"scale": scale, "translate_percent": along, "rotate": turned, "fit_output": False}
    return said | {"border_mode": REFLECTED, "shear": dict.fromkeys("xy", (0, 0))}


PARTS = {
    ("mirror", 0): [("HorizontalFlip", 0.5, {})],
    ("symmetries", 0): [("D4", 1, {})],
    ("standard", 0): [
        ("D4", 1, {}),
        ("Affine", 0.5, moved(SMALL, 0.08, (-20, 20))),
        ("RandomBrightnessContrast", 0.5, light(0.15)),
    ],
    ("contrastive", 0): [
        ("D4", 1, {}),
        ("Affine", 1, moved(LARGE, 0.15, (0, 0))),
        ("RandomBrightnessContrast", 0.8, light(0.4)),
    ],
    ("randcls_sim", 0): [
        ("RandomResizedCrop", 1, CROPPED),
        ("HorizontalFlip", 0.5, {}),
        ("ColorJitter", 1, JITTERED),
        ("RandAugment", 1, {}),
    ],
    ("randcls_sim", 1): [
        ("RandomResizedCrop", 1, CROPPED),
        ("ColorJitter", 1, JITTERED),
        ("Grey", 0.2, {}),
        ("GaussianBlur", 0.5, {"sigma_limit": (0.1, 2)}),
        ("HorizontalFlip", 0.5, {}),
    ],
}


@pytest.mark.parametrize(("name", "view"), PARTS)
def test_parts_chances_and_reaches_are_those_that_are_told(name, view):
    made = compose(name, (28, 28), view).transforms
    assert [type(part).__name__ for part in made] == [kind for kind, *_ in PARTS[name, view]]
    for part, (_, chance, reaches) in zip(made, PARTS[name, view], strict=True):
        assert part.p == chance
        for what, reach in reaches.items():
            assert getattr(part, what) == reach, what


def test_a_rectangle_has_the_symmetries_of_a_rectangle():
    for name in ("symmetries", "standard", "contrastive"):
        first = compose(name, (28, 30)).transforms[:2]
        assert [(type(p).__name__, p.p) for p in first] == [
            ("HorizontalFlip", 0.5),
            ("VerticalFlip", 0.5),
        ]


def test_randaugment_is_two_operations_of_magnitude_10():
    (operations,) = [p.operations for p in randcls_sim((28, 56))[0].transforms[3:]]
    assert operations.num_layers == 2
    assert {(op.magnitude, op.magnitude_std, op.prob) for op in operations.ops} == {(10, 0.5, 0.5)}
    told = operations.ops[0].hparams
    assert told["translate_const"] == 12, "of the shorter side, 45 %"
    assert told["img_mean"] == (124, 116, 104)
