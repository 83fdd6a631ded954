"""RD4AD: its loss and its map in loops, what is trained, and where a change is seen."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from medtail.benchmark.tracks.optimizers import own_optimizers
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.parts.maps import map_shapes
from medtail.methods.rd4ad import LEVELS, RECIPE, differences, distillation_loss
from tests.methods.one_class import SPEC, batch, build, step, trained


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((3, 5, 4), (6, 3, 2), (2, 1, 1))
    return [torch.randn(2, *shape, generator=generator) for shape in shapes]


def cosine(a, b):
    a, b = (np.asarray(v, float).ravel() for v in (a, b))
    return a @ b / np.sqrt((a @ a) * (b @ b))


def test_the_loss_in_loops():
    teacher, student = drawn(0), drawn(1)
    for compare in ("maps", "places"):
        for n, found in enumerate(distillation_loss(teacher, student, compare).tolist()):
            expected = 0.0
            for t, s in zip(teacher, student, strict=True):
                if compare == "maps":
                    expected += 1 - cosine(t[n], s[n])
                else:
                    places = [
                        1 - cosine(t[n, :, y, x], s[n, :, y, x])
                        for y in range(t.shape[2])
                        for x in range(t.shape[3])
                    ]
                    expected += sum(places) / len(places)
            assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("compare", ["maps", "places"])
def test_the_teachers_own_maps_cost_nothing_and_opposite_ones_most(compare):
    teacher = drawn(0)
    equal = distillation_loss(teacher, [3 * t for t in teacher], compare)
    torch.testing.assert_close(equal, torch.zeros(2), atol=1e-6, rtol=0)
    opposite = distillation_loss(teacher, [-t for t in teacher], compare)
    torch.testing.assert_close(opposite, torch.full((2,), 6.0))


def aligned(grid, size):
    """Bilinear with aligned corners, of [h, w] in loops."""
    out = np.zeros(size)
    for y in range(size[0]):
        for x in range(size[1]):
            v = y * (grid.shape[0] - 1) / (size[0] - 1)
            u = x * (grid.shape[1] - 1) / (size[1] - 1)
            a, c = int(v), int(u)
            b, d = min(a + 1, grid.shape[0] - 1), min(c + 1, grid.shape[1] - 1)
            top = grid[a, c] * (1 - u + c) + grid[a, d] * (u - c)
            out[y, x] = top * (1 - v + a) + (grid[b, c] * (1 - u + c) + grid[b, d] * (u - c)) * (
                v - a
            )
    return out


def test_map_and_score_in_loops():
    method, image = build("rd4ad").eval(), batch(SPEC, 0).image[:2]
    with torch.no_grad():
        maps, found = method.anomaly_map(image), method.abnormality(image)
        each = differences(*method.both(image))
    assert [one.shape[1:] for one in each] == [(5, 5), (3, 3), (2, 2)]
    for n in range(2):
        total = sum(aligned(one[n].double().numpy(), (20, 20)) for one in each)
        smooth = gaussian_filter(total, 4)
        np.testing.assert_allclose(maps[n].numpy(), smooth, rtol=1e-4, atol=1e-5)
        assert found[n].item() == pytest.approx(smooth.max(), rel=1e-4)


def test_a_changed_place_raises_its_map():
    teacher = drawn(0)
    student = [2 * t for t in teacher]
    student[0][1, :, 3, 2] *= -1
    found = differences(teacher, student)
    assert found[0][1, 3, 2].item() == pytest.approx(2)
    found[0][1, 3, 2] = 0
    assert all(one.abs().max() < 1e-6 for one in found)


def test_the_student_has_the_shapes_of_the_teacher_and_sees_a_narrow_code():
    for size in ((20, 20), (28, 28), (16, 24)):
        method = build("rd4ad", spec=SPEC.__class__(**{**vars(SPEC), "image_size": size})).eval()
        image = torch.randn(2, 3, *size)
        teacher, student = method.both(image)
        assert [t.shape for t in teacher] == [s.shape for s in student]
        assert [s.shape[1:] for s in student] == map_shapes(method.backbone, method.spec, LEVELS)
    narrow = []
    method.student.bottleneck.register_forward_hook(lambda m, given, out: narrow.append(out.shape))
    method.both(image)
    assert narrow[0][1:] == (2 * 192, 1, 1), "of half the grid of stage 3"


def test_its_outputs_may_have_either_sign():
    method = build("rd4ad").eval()
    assert all((s < 0).any() and (s > 0).any() for s in method.both(batch(SPEC, 0).image)[1])


def test_the_teacher_stays_and_the_student_learns():
    method, given = build("rd4ad"), batch(SPEC, 0)
    before = {k: v.clone() for k, v in method.backbone.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], 1e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = step(method, given)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(before[k], v) for k, v in method.backbone.state_dict().items())
    norms = [m for m in method.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(m.training for m in norms)


def test_what_was_trained_on_is_less_abnormal():
    method = build("rd4ad")
    smooth = torch.linspace(-1, 1, 20).expand(8, 3, 20, 20) * torch.rand(8, 3, 1, 1)
    optimizer = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], 1e-3)
    for _ in range(30):
        optimizer.zero_grad()
        step(method, batch(SPEC, 0)._replace(image=smooth)).backward()
        optimizer.step()
    with torch.no_grad():
        other = smooth.clone()
        other[:, :, 5:15, 5:15] = 2 * torch.randn(8, 3, 10, 10)
        assert method.eval().abnormality(other).min() > method.abnormality(smooth).max()


def test_it_has_the_authors_optimiser():
    assert own_optimizers(build("rd4ad").stages[0]) == "adam lr 0.005, momentum 0.5"
    method = trained("rd4ad")
    (group, *_) = method.trainer.optimizers[0].param_groups
    assert (group["betas"], group["lr"]) == ((0.5, 0.999), RECIPE.lr)


def test_bad_arguments_are_one_line():
    with pytest.raises(MedtailError, match="unknown compare of rd4ad 'pixels'"):
        build("rd4ad", compare="pixels")
    with pytest.raises(MedtailError, match="rd4ad: needs a backbone whose stages"):
        build("rd4ad", backbone="conv4")
