"""Augmentation where the network is: the loader sends stored pixels and what was drawn for them.

The draws are those of the CPU's own augmentation, one by one, so that where it is computed changes
no number: symmetries and light give the same bits, and what is shifted, scaled and rotated the same
grey levels but for OpenCV's own rounding, which is one in the middle of a row and another at its
end: one grey level in one pixel of 50,000.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..contract import Batch
from ..pixels.transforms import Augmenter, Drawn
from .episodes import Tasks, places
from .rows import Rows
from .samplers import Draw

CHUNK = 2**21  # pixels that are warped at a time: some 200 MiB of places and values


class Draws(NamedTuple):
    """What was drawn for N images.

    Attributes:
        symmetry: [N, 3] whether to transpose, reverse the rows, reverse the columns.
        warped: [M] which of them are warped.
        warp: [M, 6] float32, see ``Drawn``.
        light: [N, 256] uint8, or [0, 256] where no grey level of any changes.
    """

    symmetry: Tensor
    warped: Tensor
    warp: Tensor
    light: Tensor

    @classmethod
    def of(cls, drawn: list[Drawn]) -> "Draws":
        """Those of single images, together."""
        warped = [number for number, one in enumerate(drawn) if one.warp is not None]
        same = np.arange(256, dtype=np.uint8)
        lit = any(one.light is not None for one in drawn)
        light = [same if one.light is None else one.light for one in drawn] if lit else []
        return cls(
            torch.tensor([one.symmetry for one in drawn], dtype=torch.bool).view(-1, 3),
            torch.tensor(warped, dtype=torch.int64),
            torch.tensor([drawn[n].warp for n in warped], dtype=torch.float32).view(-1, 6),
            torch.from_numpy(np.array(light, np.uint8).reshape(-1, 256)),
        )


class Undone(NamedTuple):
    """A batch before its augmentation.

    Attributes:
        batch: with each stored image once, [N, C, H, W] uint8, whatever its shape will be.
        draws: of the images [N * V] of a stream each, the V views of an image side by side.
        shape: of the batch's images before [C, H, W], such as (B,), (B, V) or (T, M).
    """

    batch: Batch
    draws: tuple[Draws, ...]
    shape: tuple[int, ...]


class Later(Dataset[Undone]):
    """The steps of a dataset, not augmented yet; see ``applied``.

    Args:
        data: whose steps they are.
    """

    def __init__(self, data: Rows | Tasks) -> None:
        self.tasks = isinstance(data, Tasks)
        rows = self.rows = data.images if isinstance(data, Tasks) else data
        stored = Rows(rows.store, rows.rows, rows.target, Augmenter("none", 0))
        self.stored: Rows | Tasks = Tasks(stored) if self.tasks else stored

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, asked: list[Any]) -> Undone:
        """The step of what a sampler gives: draws, or episodes."""
        batch: Batch = self.stored[asked]
        shape, views = tuple(batch.target.shape), self.rows.views
        draws = places(asked) if self.tasks else asked
        if self.tasks:
            batch = batch._replace(image=batch.image.flatten(0, 1))
        streams = range(1 + (batch.second is not None))
        shape += (views,) if views > 1 else ()
        return Undone(batch, tuple(self._drawn(draws, s) for s in streams), shape)

    def _drawn(self, draws: list[Draw], stream: int) -> Draws:
        shape, views = self.rows.store.images.shape[1:], self.rows.views
        return Draws.of(
            [
                self.rows.augmenter.draw(shape, (d.epoch, d.position, stream * views + view))
                for d in draws
                if d.stream == stream
                for view in range(views)
            ]
        )


def augments(data: Dataset[Any]) -> bool:
    """Whether a dataset augments images itself."""
    rows = data.images if isinstance(data, Tasks) else data
    # Not what is derived from Rows, which may give no images.
    return type(rows) is Rows and rows.augmenter.transform is not None


def later(data: Dataset[Any]) -> Dataset[Any]:
    """The dataset with its augmentation left to ``applied``, where it has one that is the same."""
    if not isinstance(data, Rows | Tasks) or not augments(data):
        return data
    rows = data.images if isinstance(data, Tasks) else data
    same = rows.augmenter.drawable and (warps_alike() or not rows.augmenter.warps)
    return Later(data) if same else data


@cache
def warps_alike() -> bool:
    """Whether this machine's OpenCV rounds as ``_warped`` does; older ones count in 32nds of a
    pixel.
    """
    image = np.random.default_rng(0).integers(0, 256, (24, 24, 1), np.uint8)
    augmenter, keys = Augmenter("contrastive", 0), [(0, place, 0) for place in range(8)]
    wanted = np.stack([augmenter(image, key) for key in keys])
    draws = Draws.of([augmenter.draw(image.shape, key) for key in keys])
    stored = torch.from_numpy(image).permute(2, 0, 1).expand(len(keys), -1, -1, -1)
    found = augmented(stored, draws).permute(0, 2, 3, 1).numpy()
    return int(np.abs(wanted.astype(int) - found).max()) <= 1


def applied(undone: Undone) -> Batch:
    """The batch as the CPU would have augmented it, uint8, on whatever device it lies."""
    batch, (first, *more) = undone.batch, undone.draws
    second = batch.second
    if second is not None:
        shape = (len(second.target), *undone.shape[1:])
        second = second._replace(image=_shaped(augmented(second.image, more[0]), shape))
    image = _shaped(augmented(batch.image, first), undone.shape)
    return batch._replace(image=image, second=second)


def _shaped(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    return image.view(*shape, *image.shape[1:])


def augmented(image: Tensor, draws: Draws) -> Tensor:
    """Stored images [N, C, H, W] uint8 -> [N * V, C, H, W], channels last."""
    pixels = image.permute(0, 2, 3, 1)  # as they are stored
    if len(draws.symmetry) > len(image):
        pixels = pixels.repeat_interleave(len(draws.symmetry) // len(image), 0)
    transpose, rows, columns = (flag.view(-1, 1, 1, 1) for flag in draws.symmetry.unbind(1))
    if pixels.shape[1] == pixels.shape[2]:
        pixels = torch.where(transpose, pixels.transpose(1, 2), pixels)
    pixels = torch.where(rows, pixels.flip(1), pixels)
    pixels = torch.where(columns, pixels.flip(2), pixels)
    if len(draws.warped):
        each = max(1, CHUNK // (pixels.shape[1] * pixels.shape[2]))
        pixels = pixels.contiguous()
        for start in range(0, len(draws.warped), each):
            which = draws.warped[start : start + each]
            pixels[which] = _warped(pixels[which], draws.warp[start : start + each])
    if len(draws.light):
        flat = pixels.reshape(len(pixels), -1)
        pixels = torch.take_along_dim(draws.light, flat.long(), 1).view(pixels.shape)
    return pixels.contiguous().permute(0, 3, 1, 2)


def _warped(pixels: Tensor, warp: Tensor) -> Tensor:
    """[M, H, W, C] uint8 through [M, 6], as ``cv2.warpAffine`` with BORDER_REFLECT_101 does it."""
    amount, height, width = pixels.shape[:3]
    y = torch.arange(height, device=pixels.device, dtype=torch.float32).view(1, -1, 1)
    x = torch.arange(width, device=pixels.device, dtype=torch.float64).view(1, 1, -1)
    a, b, c, d, e, f = (part.view(-1, 1, 1) for part in warp.unbind(1))
    # OpenCV rounds the product with x and the sum to float32 at once.
    across = (x * a + (y * b + c)).float()
    down = (x * d + (y * e + f)).float()
    left, top = across.floor(), down.floor()
    right_share, low_share = (across - left).unsqueeze(3), (down - top).unsqueeze(3)
    columns = [_inside(left.long() + step, width) for step in (0, 1)]
    rows = [_inside(top.long() + step, height) for step in (0, 1)]
    images = torch.arange(amount, device=pixels.device).view(-1, 1, 1)
    upper, lower = (
        _between(left_one, right_one, right_share)
        for left_one, right_one in (
            [pixels[images, row, column].float() for column in columns] for row in rows
        )
    )
    return _between(upper, lower, low_share).round_().clamp_(0, 255).to(torch.uint8)


def _between(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """As OpenCV does it; ``torch.lerp`` counts from the nearer end."""
    return start + share * (end - start)


def _inside(place: Tensor, size: int) -> Tensor:
    """Places beyond the border, reflected on the middle of its pixels."""
    period = max(1, 2 * (size - 1))
    place = place.abs() % period
    return torch.minimum(place, period - place)
