"""A row once more: the suite that runs it again, from what its records say."""

from collections.abc import Sequence

import yaml

from .cell import Cell, Terms

# What only one track looks at; others name it only where it differs from the default.
OF_A_TRACK = ("test_episodes", "acquire", "rounds")


def suite_text(cells: Sequence[Cell]) -> str:
    """A suite, as YAML, of exactly these cells: one row with some seeds.

    Args:
        cells: of a method with its parameters on the terms of a table; at least one.
    """
    cell = cells[0]
    terms, defaults = cell.terms.model_dump(mode="json"), Terms(data=cell.terms.data)
    for name in OF_A_TRACK:
        if terms[name] == getattr(defaults, name):
            del terms[name]
    data = {"name": terms.pop("data"), "params": terms.pop("data_params")}
    method = {"name": cell.method, "params": cell.model_dump(mode="json")["params"]}
    suite = {
        "methods": [{k: v for k, v in method.items() if v}],
        "data": [{k: v for k, v in data.items() if v}],
        "seeds": sorted({c.seed for c in cells}),
        **terms,
    }
    written: str = yaml.safe_dump(suite, sort_keys=False, default_flow_style=None, width=100)
    return written
