"""One training of a method by itself: its stages, without a suite, a record or a folder."""

import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medtail import methods
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError, unknown
from medtail.methods.core.base import Method

from ..grid.cell import Budget, Cell, Terms
from . import supervised
from .outcome import Tell


def fit(
    name: str,
    data: ImageDataModule,
    seed: int,
    backbone: str,
    params: dict[str, Any],
    budget: dict[str, Any],
    tell: Tell,
) -> Method:
    """See ``medtail.fit``."""
    data.prepare()
    method = methods.get(name)
    if reason := method.refuses(data.spec):
        raise MedtailError(f"{name} cannot run on {data.spec.name}: {reason}")
    if method.needs_weights:
        raise MedtailError(
            f"{name}: it looks at a pretrained network, and medtail.fit draws its weights: run it "
            "by `medtail bench` with weights, see docs/suites.md"
        )
    if learner := params.get("learner", methods.defaults(name).get("learner")):
        raise MedtailError(
            f"{name} chooses what to label; what trains is its learner: "
            f"fit '{learner}', or run `medtail bench` for the rounds"
        )
    terms = Terms(
        data=str(data.name),
        image_size=data.image_size,
        augment=data.augment,
        backbone=backbone,
        budget=_budget({"batch_size": data.batch_size, **budget}),
        # A one-class score has no threshold before its end.
        selection="last" if data.spec.track == "one_class" else "best_balanced_accuracy",
    )
    cell = Cell(method=name, params=methods.defaults(name) | params, seed=seed, terms=terms)
    with tempfile.TemporaryDirectory() as folder:
        return supervised.train(cell, data, Path(folder), 1, tell).method


def _budget(values: dict[str, Any]) -> Budget:
    for key in values:
        if key not in Budget.model_fields:
            raise unknown("part of the budget", key, Budget.model_fields)
    try:
        return Budget(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise MedtailError(f"{place}={first['input']!r}: {first['msg']}") from error
