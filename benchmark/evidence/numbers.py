"""Numbers as records keep them."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator


def defined(value: Any) -> Any:  # noqa: ANN401 - whatever a record holds
    """A value with None for every float that is no number: JSON has neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: defined(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [defined(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Metrics = Annotated[
    dict[str, float | int | list[float | None] | list[int] | None], BeforeValidator(defined)
]
Numbers = Annotated[dict[str, float | None], BeforeValidator(defined)]
