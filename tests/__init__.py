"""The tests mirror the folders they test; helpers lie here: boards, twins, chromium, commands."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def few(cases: Iterable[Any], *kept: Any) -> list[Any]:
    """Cases of a slow test, all but ``kept`` left to ``make test-slow``."""
    cases = list(cases)
    assert all(case in cases for case in kept), "a case that is kept is none"
    whole = [case if isinstance(case, tuple) else (case,) for case in cases]
    left = (pytest.mark.slow, pytest.mark.thorough)
    marks = [() if case in kept else left for case in cases]
    return [pytest.param(*w, marks=m) for w, m in zip(whole, marks, strict=True)]
