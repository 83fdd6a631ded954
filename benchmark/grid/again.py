"""A row once more: the suite that runs it again, from what its records say."""

from collections.abc import Sequence

from medtail.datamodules.core.yaml_values import write

from .cell import Cell, Terms
from .weights import Weights

# What only one track looks at, or few suites change: named where it differs from the default.
SELDOM = (
    *("normalisation", "weights", "features", "head", "draws", "folds", "validation"),
    *("test_episodes", "acquire", "rounds"),
)
SELDOM_OF_BUDGET = (
    *("last_batch", "schedule", "milestones", "gamma"),
    *("tune", "layer_decay", "clip", "accumulate", "ema", "until"),
)


def written(weights: Weights) -> str:
    """Weights as a suite names them; of a folder or a file the name alone."""
    if weights.kind == "timm":
        return f"timm:{weights.name.partition('.')[2]}"
    return str(weights)


def suite_text(cells: Sequence[Cell]) -> str:
    """A suite, as YAML, of exactly these cells: one row with some seeds.

    Args:
        cells: of a method with its parameters on the terms of a table; at least one.
    """
    cell = cells[0]
    terms = cell.trained_on.model_dump(mode="json", exclude={"draw", "fold"})
    usual = Terms(data=cell.terms.data).model_dump(mode="json")
    for known, given, names in (
        (usual, terms, SELDOM),
        (usual["budget"], terms["budget"], SELDOM_OF_BUDGET),
    ):
        for name in names:
            if given[name] == known[name]:
                del given[name]
    if terms.pop("pretrained", False):  # of a record of before
        terms["weights"] = "timm"
    elif cell.terms.weights:  # of a file its name alone is known, as of a table's
        terms["weights"] = written(cell.terms.weights)
        # A suite that does not say it takes that of the weights.
        terms["normalisation"] = cell.terms.model_dump(mode="json")["normalisation"]
    if cell.terms.features:  # which say themselves what other tables say of a backbone
        for name in ("backbone", "weights", "normalisation", "augment"):
            terms.pop(name, None)
        del terms["budget"]["tune"]
        terms["features"] = f"{cell.terms.features.model}.parquet"
        terms |= {"augment": "none"} if cell.terms.augment == "none" else {}
    data = {"name": terms.pop("data"), "params": terms.pop("data_params")}
    method = {"name": cell.method, "params": cell.model_dump(mode="json")["params"]}
    suite = {
        "methods": [{k: v for k, v in method.items() if v}],
        "data": [{k: v for k, v in data.items() if v}],
        "seeds": sorted({c.seed for c in cells}),
        **terms,
    }
    return write(suite)
