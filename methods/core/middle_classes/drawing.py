"""What generators of middle classes are made of: draws, warps, masks, blobs. Batched, in pixels."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

Rng = torch.Generator | None

BINS = 64  # of Otsu's histogram
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def uniform(low: float, high: float, shape: tuple[int, ...], like: Tensor, rng: Rng) -> Tensor:
    """Uniform draws of a shape, on the device of ``like``."""
    return low + (high - low) * torch.rand(shape, generator=rng, device=like.device)


def places(image: Tensor) -> tuple[Tensor, Tensor]:
    """Column x and row y of every pixel, [H, W] each."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=image.device, dtype=torch.float32),
        torch.arange(width, device=image.device, dtype=torch.float32),
        indexing="ij",
    )
    return x, y


def sample(image: Tensor, x: Tensor, y: Tensor, outside: str = "reflection") -> Tensor:
    """Images [B, C, H, W] read at pixel positions [B, H, W], bilinear; see ``F.grid_sample``."""
    height, width = image.shape[-2:]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return F.grid_sample(image, grid, padding_mode=outside, align_corners=False)


def smooth_noise(image: Tensor, channels: int, cells: int, rng: Rng) -> Tensor:
    """[B, channels, H, W] noise of unit variance at ``cells`` x ``cells`` knots, between smooth."""
    shape = (len(image), channels, cells, cells)
    knots = torch.randn(shape, generator=rng, device=image.device)
    return F.interpolate(knots, image.shape[-2:], mode="bicubic", align_corners=True)


def blurred(image: Tensor, radius: float) -> Tensor:
    """[B, C, H, W] after two box filters of about this radius in pixels (at least a pixel)."""
    reach = max(1, round(radius))
    size = 2 * reach + 1
    for _ in range(2):
        for pad, dim in (((reach, reach, 0, 0), 3), ((0, 0, reach, reach), 2)):
            # Differences of running sums: avg_pool2d is 20 times slower on one channel of a CPU.
            sums = F.pad(F.pad(image, pad, mode="replicate").cumsum(dim), _before(dim))
            length = image.shape[dim]
            image = (sums.narrow(dim, size, length) - sums.narrow(dim, 0, length)) / size
    return image


def _before(dim: int) -> tuple[int, ...]:
    return (1, 0) if dim == 3 else (0, 0, 1, 0)


def otsu_threshold(values: Tensor) -> Tensor:
    """[B] thresholds of values [B, N] that split the histogram with the largest variance between.

    Otsu, IEEE Trans. SMC 9 (1979); values at or below belong to the lower part.
    """
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    step = (high - low).clamp(min=1e-6) / BINS
    bins = ((values - low) / step).long().clamp(0, BINS - 1)
    counts = values.new_zeros(len(values), BINS).scatter_add(1, bins, torch.ones_like(values))
    share = counts / values.shape[1]
    centre = torch.arange(BINS, device=values.device) + 0.5
    below, moment = share.cumsum(1), (share * centre).cumsum(1)
    total = moment[:, -1:]
    between = (total * below - moment).square() / (below * (1 - below)).clamp(min=1e-9)
    return (low + step * (between[:, :-1].argmax(1, keepdim=True) + 1))[:, 0]


def within(image: Tensor) -> Tensor:
    """[H, W] whether a pixel lies in the ellipse that fills the image: corners are dark in many."""
    x, y = places(image)
    height, width = image.shape[-2:]
    return ((2 * x + 1) / width - 1).square() + ((2 * y + 1) / height - 1).square() < 1


def lesion_mask(image: Tensor) -> Tensor:
    """[B, 1, H, W] in [0, 1]: the darker part by Otsu on the blue channel, its edge soft.

    Where this finds less than 3 % or more than 70 % of the image, a disc in the middle.
    """
    channel = blurred(image[:, -1:], min(image.shape[-2:]) / 64)
    inside = within(image)
    threshold = otsu_threshold(channel[:, 0, inside])
    found = (channel <= threshold[:, None, None, None]) & inside
    share = found.float().mean((1, 2, 3), keepdim=True)
    x, y = places(image)
    height, width = image.shape[-2:]
    from_centre = torch.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    disc = from_centre < 0.3 * min(height, width)
    mask = torch.where((share > 0.03) & (share < 0.7), found, disc)
    return blurred(mask.float(), min(height, width) / 64)


def shape_of(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre x and y, angle of the principal axis, radius of equal area: [B, 1, 1] each."""
    x, y = places(mask)
    weight = mask[:, 0]
    area = weight.sum((1, 2), keepdim=True).clamp(min=1e-6)

    def mean(values: Tensor) -> Tensor:
        return (weight * values).sum((1, 2), keepdim=True) / area

    cx, cy = mean(x.expand_as(weight)), mean(y.expand_as(weight))
    dx, dy = x - cx, y - cy
    angle = 0.5 * torch.atan2(2 * mean(dx * dy), mean(dx * dx) - mean(dy * dy))
    return cx, cy, angle, (area / math.pi).sqrt()


def coverage(
    image: Tensor, x: Tensor, y: Tensor, radius: Tensor, weight: Tensor, sharp: bool = False
) -> Tensor:
    """[B, 1, H, W] in [0, 1]: how much of each pixel N spots cover together.

    Args:
        image: gives the shape.
        x: [B, N] columns of the centres.
        y: [B, N] rows.
        radius: [B, N] in pixels: the standard deviation of a Gaussian, or of a disc.
        weight: [B, N] in [0, 1].
        sharp: discs with an edge of about a pixel.
    """
    columns, rows = places(image)
    free = image.new_ones(len(image), *image.shape[-2:])
    for n in range(x.shape[1]):
        cx, cy, r, w = (v[:, n, None, None] for v in (x, y, radius, weight))
        distance = torch.hypot(columns - cx, rows - cy)
        spot = torch.sigmoid(4 * (r - distance)) if sharp else torch.exp(-0.5 * (distance / r) ** 2)
        free = free * (1 - w * spot)
    return 1 - free[:, None]


def drawn_places(chance: Tensor, amount: int, rng: Rng) -> tuple[Tensor, Tensor]:
    """Columns and rows [B, amount] drawn with a chance [B, 1, H, W], jittered within the pixel."""
    flat = chance.flatten(1) + 1e-9  # where nothing has a chance, everything has
    index = torch.multinomial(flat, amount, replacement=True, generator=rng)
    width = chance.shape[-1]
    shift = uniform(-0.5, 0.5, (2, *index.shape), chance, rng)
    return index % width + shift[0], index // width + shift[1]


def coloured(image: Tensor, colours: list[tuple[float, float, float]], index: Tensor) -> Tensor:
    """[B, C, 1, 1] colours by index [B], as luminance for one channel."""
    table = image.new_tensor(colours)
    if image.shape[1] != 3:
        table = (table @ image.new_tensor(LUMINANCE))[:, None].expand(-1, image.shape[1])
    return table[index][:, :, None, None]


def tinted(image: Tensor, colour: Tensor, amount: Tensor, base: Tensor) -> Tensor:
    """Towards a colour by an amount in [0, 1], half of the fine detail about ``base`` kept."""
    return image + amount * (colour + 0.5 * (image - base) - image)


def patch(image: Tensor, share: tuple[float, float], rng: Rng) -> Tensor:
    """[B, 1, H, W] weight of an ellipse anywhere inside, of a share of the area, feathered."""
    batch, (height, width) = len(image), image.shape[-2:]
    area = uniform(*share, (batch, 1, 1), image, rng)
    aspect = torch.exp(uniform(-0.5, 0.5, (batch, 1, 1), image, rng))
    turn = uniform(0, math.pi, (batch, 1, 1), image, rng)
    middle = uniform(0.25, 0.75, (2, batch, 1, 1), image, rng)
    x, y = places(image)
    dx, dy = x - middle[0] * (width - 1), y - middle[1] * (height - 1)
    u, v = dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin()
    radius = (area * height * width / math.pi).sqrt()
    distance = torch.hypot(u / aspect.sqrt(), v * aspect.sqrt())
    feather = 0.15 * radius
    return torch.sigmoid((radius - distance) / feather)[:, None]


def shaken(image: Tensor, rng: Rng, size: float = 0.04, cells: int = 4) -> tuple[Tensor, Tensor]:
    """Positions [B, H, W] of an elastic warp, displaced by about ``size`` of the image."""
    x, y = places(image)
    moved = size * min(image.shape[-2:]) * smooth_noise(image, 2, cells, rng)
    return x + moved[:, 0], y + moved[:, 1]
