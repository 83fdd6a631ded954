"""Generators of middle classes: what they change, what they leave, and what their controls do."""

import inspect
import math

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.middle_classes import drawing
from medtail.methods.core.middle_classes.fundus import disc, field_of_view
from medtail.methods.core.middle_classes.registry import (
    GENERATORS,
    KNOWLEDGE,
    TURNS,
    chosen,
    controls,
    partners,
)

EVERY = pytest.mark.parametrize("name", sorted(GENERATORS))
SEAMLESS = {*TURNS, "noise"}  # they leave no seam that a control could have
# Whose controls do as much of another thing, or are too thin to tell.
AS_MUCH = {"border_warp", "lesion_prior", "cup_enlarge", "pasted_scar"}
SKIN, NAEVUS = (0.9, 0.7, 0.65), (0.5, 0.3, 0.25)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lesions(
    batch=8, size=48, at=(0.0, 0.0), axes=(12.0, 12.0), turn=0.0, colour=NAEVUS, noise=0.02
):
    """Ellipses on skin: centre off the middle, half axes and turn as asked."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2.0
    x, y = x - at[0], y - at[1]
    u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    inside = (u / axes[0]) ** 2 + (v / axes[1]) ** 2 < 1
    image = np.where(inside, np.array(colour)[:, None, None], np.array(SKIN)[:, None, None])
    image = image + noise * np.random.default_rng(0).normal(size=(batch, 3, size, size))
    return torch.tensor(image).float().clamp(0, 1), torch.tensor(inside)


def eyes(batch=8, size=64, disc_x=-14.0):
    """A bright disc on a dim retina in a black surround."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2.0
    retina = np.hypot(x, y) < 0.47 * size
    light = 0.45 + 0.45 * np.exp(-0.5 * ((x - disc_x) ** 2 + y**2) / 16)
    image = retina * light * np.array([1.0, 0.5, 0.3])[:, None, None]
    image = image + 0.01 * retina * np.random.default_rng(0).normal(size=(batch, 3, size, size))
    return torch.tensor(image).float().clamp(0, 1), torch.tensor(retina)


def of_eyes(name):
    return name in (*KNOWLEDGE["fundus"], "cup_enlarge")


def pictures(name):
    return (eyes() if of_eyes(name) else lesions(at=(6, 2), axes=(14, 9)))[0]


def bank_for(name):
    if of_eyes(name):
        return (0.8 * eyes(disc_x=10.0)[0]).clamp(0, 1)
    return lesions(axes=(8, 17), turn=0.7, colour=(0.2, 0.1, 0.1))[0]


@EVERY
def test_shape_range_and_type_are_kept_and_the_image_is_not(name):
    image, bank = pictures(name), bank_for(name)
    before = image.clone()
    made = GENERATORS[name](image, bank, rng())
    assert torch.equal(image, before)
    assert made.shape == image.shape
    assert made.dtype == image.dtype
    assert made.min() >= 0
    assert made.max() <= 1
    changed = (made - image).abs().amax((1, 2, 3))
    least = 0.01 if name == "cup_enlarge" else 0.03  # this cup has a soft edge
    assert (changed > least).all(), changed


@EVERY
def test_draws_come_from_the_generator_or_the_global_seed(name):
    image, bank = pictures(name), bank_for(name)
    assert torch.equal(*(GENERATORS[name](image, bank, rng(3)) for _ in range(2)))
    if name in TURNS:
        return  # nothing is drawn
    assert not torch.equal(*(GENERATORS[name](image, bank, rng(s)) for s in (3, 4)))
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(GENERATORS[name](image, bank, None))
    assert torch.equal(*made)
    state = torch.get_rng_state()
    GENERATORS[name](image, bank, rng(3))
    assert torch.equal(state, torch.get_rng_state()), "a draw did not come from the generator"


@EVERY
@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (3, 1, 28, 28), (2, 3, 24, 36)])
@pytest.mark.parametrize("flat", [False, True])
def test_any_image(name, shape, flat):
    if name in TURNS and shape[2] != shape[3]:
        with pytest.raises(MedtailError, match="need square images, not 24 x 36"):
            GENERATORS[name](torch.rand(shape), torch.rand(shape), rng())
        return
    image = torch.full(shape, 0.5) if flat else torch.rand(shape, generator=rng())
    for identity in (False, True):
        made = GENERATORS[name](image, image.flip(0), rng(), identity=identity)
        assert made.shape == image.shape
        assert made.isfinite().all()


@EVERY
def test_a_control_does_not_look_at_the_bank_and_has_one_meaning(name):
    image, bank = pictures(name), bank_for(name)
    one, other = (GENERATORS[name](image, b, rng(), identity=True) for b in (bank, 1 - bank))
    assert torch.equal(one, other)
    if name in SEAMLESS:
        assert torch.equal(one, image)
        return
    assert not torch.equal(one, image), "a control goes through the operator"
    semantic = GENERATORS[name](image, bank, rng()) - image
    if name not in AS_MUCH:
        assert (one - image).abs().mean() < 0.6 * semantic.abs().mean()


def test_otsu_splits_where_the_variance_between_is_largest():
    random = np.random.default_rng(0)
    values = np.r_[random.normal(0.3, 0.05, 300), random.normal(0.7, 0.1, 700)]

    def between(t):
        low, high = values[values <= t], values[values > t]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    best = max(between(t) for t in np.linspace(values.min(), values.max(), 400)[1:-1])
    found = drawing.otsu_threshold(torch.tensor(values)[None])[0].item()
    assert between(found) > 0.99 * best
    assert abs((values <= found).mean() - 0.3) < 0.02


def test_blur_is_two_means():
    image = torch.rand(2, 3, 9, 11, generator=rng())
    expected = np.asarray(image)
    for _ in range(2):
        padded = np.pad(expected, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
        windows = [padded[..., i : i + 9, j : j + 11] for i in range(5) for j in range(5)]
        expected = np.mean(windows, 0)
    torch.testing.assert_close(
        drawing.blurred(image, 2.2), torch.tensor(expected), atol=1e-5, rtol=0
    )


def test_mask_and_shape_find_a_drawn_lesion():
    image, inside = lesions(at=(4, -3), axes=(14, 8), turn=0.5)
    image[:, :, :4, :4] = 0.05  # a dark corner, as of a lens
    mask = drawing.lesion_mask(image)
    found = mask[:, 0] > 0.5
    overlap = (found & inside).sum((1, 2)) / (found | inside).sum((1, 2))
    assert (overlap > 0.85).all()
    cx, cy, angle, radius = (v.flatten() for v in drawing.shape_of(mask))
    middle = (48 - 1) / 2
    assert (cx - middle - 4).abs().max() < 0.5
    assert (cy - middle + 3).abs().max() < 0.5
    assert (angle - 0.5).abs().max() < 0.06
    assert (radius - math.sqrt(14 * 8)).abs().max() < 1
    assert drawing.lesion_mask(torch.rand(2, 3, 28, 28, generator=rng())).isfinite().all()


def test_nothing_found_is_a_disc_in_the_middle():
    y, x = np.mgrid[:32, :32] - 15.5
    bright = torch.ones(1, 3, 32, 32)
    bright[..., 0, 16] = 0.0
    expected = torch.tensor(np.hypot(x, y) < 0.3 * 32)
    assert ((drawing.lesion_mask(bright)[0, 0] > 0.5) == expected).float().mean() > 0.97


def test_coverage_is_what_spots_leave_free():
    x, y, r, w = (torch.rand(1, 3, generator=rng(s)) for s in range(4))
    x, y, r = 10 * x, 10 * y, 1 + 2 * r
    cover = drawing.coverage(torch.zeros(1, 3, 12, 10), x, y, r, w)
    for row, column in ((0, 0), (5, 7), (11, 3)):
        free = 1.0
        for n in range(3):
            squared = (row - y[0, n]) ** 2 + (column - x[0, n]) ** 2
            free *= 1 - w[0, n] * math.exp(-squared / (2 * r[0, n] ** 2))
        assert cover[0, 0, row, column].item() == pytest.approx(1 - float(free), abs=1e-5)


def test_a_splice_changes_one_half_and_leaves_the_skin():
    image, _ = lesions(batch=16, axes=(16, 9), noise=0)
    bank, _ = lesions(batch=16, axes=(16, 9), colour=(0.2, 0.1, 0.1), noise=0)
    bank[:, :, :6] *= 0.9  # of the skin, nothing is to be seen
    changed = (GENERATORS["asymmetry_splice"](image, bank, rng()) - image).abs().mean(1)
    upper, lower = changed[:, 17:23, 16:32].mean((1, 2)), changed[:, 25:31, 16:32].mean((1, 2))
    more, less = torch.maximum(upper, lower), torch.minimum(upper, lower)
    assert (more > 0.1).all()
    assert (less < 0.02).all()
    assert (upper > lower).any()
    assert (upper < lower).any()
    assert torch.maximum(changed[:, :4], changed[:, -4:]).max() < 0.02


def test_a_warped_border_is_ragged_and_its_control_is_not():
    image, inside = lesions(batch=32, size=64, axes=(16, 16), noise=0)
    perimeter = {}
    for identity in (False, True):
        made = GENERATORS["border_warp"](image, image, rng(), identity=identity)
        lesion = (made.mean(1) < 0.55).float()
        assert (lesion.mean((1, 2)) / inside.float().mean() - 1).abs().max() < 0.2
        steps = lesion.diff(dim=1).abs().sum((1, 2)) + lesion.diff(dim=2).abs().sum((1, 2))
        perimeter[identity] = float((steps / lesion.sum((1, 2)).sqrt()).mean())
        assert (made - image)[:, :, :4, :4].abs().max() < 0.01
    assert perimeter[False] > 1.08 * perimeter[True]


def test_colours_appear_in_the_lesion_alone():
    image, inside = lesions(batch=32)
    outside = drawing.lesion_mask(image)[:, 0] < 0.01
    made = GENERATORS["colour_variegation"](image, image, rng())
    control = GENERATORS["colour_variegation"](image, image, rng(), identity=True)
    for variant in (made, control):
        assert torch.equal(variant.permute(0, 2, 3, 1)[outside], image.permute(0, 2, 3, 1)[outside])
    spread = [v[:, :, inside].std(2).mean().item() for v in (image, control, made)]
    assert spread[2] > 2 * spread[0]
    assert spread[1] < 1.2 * spread[0]
    blue = made[:, 2] - made[:, 0]
    assert (blue.amax((1, 2)) > 0).any()


def test_signs_of_retinopathy_stand_in_the_field_of_view():
    image, retina = eyes(batch=16)
    dots = GENERATORS["red_dots"](image, image, rng()) - image
    specks = GENERATORS["exudates"](image, image, rng()) - image
    assert dots.mean() < -1e-4
    assert specks.mean() > 1e-3
    for made in (dots, specks, GENERATORS["fellow_eye_composite"](image, image, rng()) - image):
        assert made[:, :, ~retina].abs().max() < 0.03
    column, row = (v.squeeze(1) for v in disc(image))
    assert (column - (31.5 - 14)).abs().max() < 3
    assert (row - 31.5).abs().max() < 3
    assert dots[:, :, 29:35, 15:20].abs().max() < 0.1, "a dot on the disc"
    assert field_of_view(image).mean() > 0.45


def test_a_fellow_eye_is_mirrored_to_the_same_side():
    image, other = eyes(disc_x=-14.0)[0], eyes(disc_x=14.0)[0]
    mirrored = GENERATORS["fellow_eye_composite"](image, other, rng())
    same = GENERATORS["fellow_eye_composite"](image, other.flip(-1), rng())
    torch.testing.assert_close(mirrored, same)


def test_a_mirror_changes_what_is_not_symmetric():
    even, odd = lesions(batch=32)[0], lesions(batch=32, at=(8, 0))[0]
    changes = [(GENERATORS["mirror_composite"](i, i, rng()) - i).abs().mean() for i in (even, odd)]
    assert changes[1] > 2 * changes[0]


def test_partners_are_never_the_image_itself():
    image = torch.arange(5.0).view(5, 1, 1, 1)
    for seed in range(20):
        assert (partners(image, rng(seed)) != image).all()
    assert len({int(partners(image, rng(seed))[0]) for seed in range(20)}) > 2
    assert torch.equal(partners(image[:1]), image[:1])


def test_controls_take_every_generator():
    image = lesions(batch=12)[0]
    names = KNOWLEDGE["dermoscopy"]
    made = controls(image, names, rng())
    which = torch.randint(3, (12,), generator=rng())
    assert len(set(which.tolist())) == 3
    for number, name in enumerate(names):  # without a draw before it, the first one is known
        rows = which == number
        assert not torch.equal(made[rows], image[rows]), name
    fresh = rng()
    torch.randint(3, (12,), generator=fresh)
    own = image[which == 0]
    assert torch.equal(made[which == 0], GENERATORS[names[0]](own, own, fresh, identity=True))


def test_knowledge_is_chosen_by_modality_or_by_name():
    assert chosen("auto", "dermoscopy") == KNOWLEDGE["dermoscopy"]
    assert chosen("auto", "fundus") == KNOWLEDGE["fundus"]
    assert chosen("auto", "") == chosen("generic", "fundus") == KNOWLEDGE["generic"]
    assert chosen(["red_dots", "border_warp"], "") == ("red_dots", "border_warp")
    for bad in ("dermo", ["no_such"], [], ["red_dots", "red_dots"]):
        with pytest.raises(MedtailError):
            chosen(bad, "")
    assert {name for names in KNOWLEDGE.values() for name in names} | {"cup_enlarge"} == set(
        GENERATORS
    )
    for generator in GENERATORS.values():
        assert list(inspect.signature(generator).parameters) == ["image", "bank", "rng", "identity"]
