"""The symmetries of an image, in the order in which features of them are kept."""

from collections.abc import Callable

from torch import Tensor

Symmetry = Callable[[Tensor], Tensor]


def turned(quarters: int, mirrored: bool) -> Symmetry:
    """Images [..., H, W], mirrored at the vertical axis where asked, turned by quarters."""

    def apply(image: Tensor) -> Tensor:
        return (image.flip(-1) if mirrored else image).rot90(quarters, (-2, -1))

    return apply


def symmetries(square: bool) -> list[Symmetry]:
    """All eight of the square, or the four that a rectangle has; the first changes nothing."""
    return [turned(q, m) for m in (False, True) for q in ((0, 1, 2, 3) if square else (0, 2))]
