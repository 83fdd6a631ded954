"""The symmetries of an image, in the order in which features of them are kept."""

from collections.abc import Callable

from torch import Tensor

Symmetry = Callable[[Tensor], Tensor]


def turned(quarters: int, mirrored: bool) -> Symmetry:
    """Images [..., H, W], mirrored at the vertical axis where asked, turned by quarters."""

    def apply(image: Tensor) -> Tensor:
        return (image.flip(-1) if mirrored else image).rot90(quarters, (-2, -1))

    return apply


def symmetries(augment: str, square: bool) -> list[Symmetry]:
    """Those that an augmentation draws from, each as likely; the first changes nothing.

    Args:
        augment: ``symmetries`` for all eight of the square, or the four that a rectangle has;
            ``mirror`` for two; any other for one.
        square: whether images are.
    """
    if augment != "symmetries":
        return [turned(0, m) for m in (False, True)][: 2 if augment == "mirror" else 1]
    return [turned(q, m) for m in (False, True) for q in ((0, 1, 2, 3) if square else (0, 2))]
