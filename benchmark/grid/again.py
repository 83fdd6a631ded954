"""A row once more: the suite that runs it again, from what its records say."""

from collections.abc import Sequence

from medtail.datamodules.core.yaml_values import write

from .cell import Cell, Terms

# What only one track looks at, or few suites change: named where it differs from the default.
SELDOM = ("normalisation", "draws", "folds", "validation", "test_episodes", "acquire", "rounds")
SELDOM_OF_BUDGET = ("last_batch", "schedule", "milestones", "gamma")


def suite_text(cells: Sequence[Cell]) -> str:
    """A suite, as YAML, of exactly these cells: one row with some seeds.

    Args:
        cells: of a method with its parameters on the terms of a table; at least one.
    """
    cell = cells[0]
    terms = cell.terms.model_dump(mode="json", exclude={"draw", "fold"})
    usual = Terms(data=cell.terms.data).model_dump(mode="json")
    for known, given, names in (
        (usual, terms, SELDOM),
        (usual["budget"], terms["budget"], SELDOM_OF_BUDGET),
    ):
        for name in names:
            if given[name] == known[name]:
                del given[name]
    data = {"name": terms.pop("data"), "params": terms.pop("data_params")}
    method = {"name": cell.method, "params": cell.model_dump(mode="json")["params"]}
    suite = {
        "methods": [{k: v for k, v in method.items() if v}],
        "data": [{k: v for k, v in data.items() if v}],
        "seeds": sorted({c.seed for c in cells}),
        **terms,
    }
    return write(suite)
