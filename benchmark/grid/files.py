"""Reading suites from YAML: a mistake is one line that names file, line and key."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from medtail.datamodules.core.errors import MedtailError, unknown
from medtail.datamodules.core.yaml_values import compose, construct, reason

from .mistakes import Mistake, line, wrong
from .settings import Setting
from .suite import Suite

FOLDER = Path(__file__).parents[1] / "suites"


def suite_names() -> list[str]:
    """Names of the suites that come with medtail."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a suite: a name of ours, or a path; ``MedtailError`` with the nearest names."""
    path = FOLDER / f"{name}.yaml"
    if path.is_file():
        return path
    if name.endswith((".yaml", ".yml")) or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise MedtailError(f"no suite file {name}")
    raise unknown("suite", name, suite_names())


def load(
    name: str, overrides: Sequence[str] = (), tell: Callable[[str], None] = lambda line: None
) -> Suite:
    """Read a suite.

    Args:
        name: of one of our suites, or a path.
        overrides: settings such as ``budget.epochs=3``, in order, see ``Setting``.
        tell: called with a line for each that reaches what a table has of its own.

    Raises:
        MedtailError: unknown suite, malformed YAML (file, line, key), bad values.
    """
    path = find(name)
    root, values = _read(path)
    settings = [Setting(written) for written in overrides]
    steps = [values]
    for setting in settings:
        steps.append(setting.apply(steps[-1]))
    try:
        suite = Suite.model_validate(steps[-1])
    except ValidationError as error:
        mistake = Mistake.of(error)
        blamed = _blamed(mistake, settings, steps)
        if blamed:
            raise blamed.explain(mistake) from error
        at = line(root, mistake.place)
        raise MedtailError(f"{path.name}, line {at}, {mistake.words}") from error
    for setting in settings:
        if setting.told:
            tell(setting.told)
    return suite


def _read(path: Path) -> tuple[yaml.Node | None, dict[str, Any]]:
    """A suite's YAML: its tree, and its values."""
    try:
        root = compose(path.read_text(encoding="utf-8"))
        values = construct(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise MedtailError(f"{path.name}{place}: not YAML: {reason(error)}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MedtailError(
            f"{path.name}: no readable YAML in UTF-8: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(values, dict):
        raise MedtailError(
            f"{path.name}, line 1: a suite is a mapping with methods, data, seeds, ..."
        )
    return root, values


def _blamed(
    mistake: Mistake, settings: list[Setting], steps: list[dict[str, Any]]
) -> Setting | None:
    """The setting that a mistake comes from: it set the value, or the suite was right before."""
    for setting in reversed(settings):
        if any(mistake.within(place) for place in setting.places):
            return setting
    for setting, before in zip(reversed(settings), reversed(steps[:-1]), strict=True):
        if not wrong(before):
            return setting
    return None
