"""Checks of a method's arguments: a bad value is one clear line before any training."""

from medtail.datamodules.core.errors import MedtailError


def slug(method: object) -> str:
    """The name of a method: its module's."""
    return type(method).__module__.rpartition(".")[2]


def check_interval(method: object, interval: str, **values: float) -> None:
    """Check numbers against an interval.

    Args:
        method: whose arguments they are.
        interval: as in mathematics, such as ``[0, 1)`` or ``(0, inf)``.
        values: by name.

    Raises:
        MedtailError: a value is no number or outside.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    for name, value in values.items():
        inside = type(value) in (int, float) and (
            low < value < high
            or (value == low and interval[0] == "[")
            or (value == high and interval[-1] == "]")
        )
        if not inside:
            raise MedtailError(f"{slug(method)}: {name} must be in {interval}, not {value!r}")


def check_flags(method: object, **values: object) -> None:
    """Check that values, by name, are true or false.

    Raises:
        MedtailError: one is not.
    """
    for name, value in values.items():
        if type(value) is not bool:
            raise MedtailError(f"{slug(method)}: {name} must be true or false, not {value!r}")
