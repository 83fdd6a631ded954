"""A pytest plug-in (``-p tests.without_references``): the reference engines are not installed."""

import sys

for name in ("learn2learn", "submodlib"):
    sys.modules[name] = None  # type: ignore[assignment]  # an import raises, and nothing is found
