"""How long a cell may take, as suites write it."""

import re

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
TIME = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")


def seconds_of(text: str) -> float | None:
    """Seconds of ``90 s``, ``30 min``, ``2 h`` or ``1 d``; None of ``auto``.

    Raises:
        ValueError: another text, or no time at all.
    """
    found = TIME.fullmatch(text)
    if text != "auto" and not (found and float(found[1])):
        raise ValueError(f"'{text}' is no time: write one such as 90 s, 30 min, 2 h or 1 d")
    return float(found[1]) * SECONDS[found[2]] if found else None
