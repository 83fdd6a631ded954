"""What there is: the tables of ``medtail list``."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from medtail import datamodules, methods
from medtail.datamodules.core.splitting.regimes import KINDS

from ..boards.columns import VIEWS
from ..grid.files import FOLDER, load, suite_names


def tables() -> Iterator[Table]:
    """Methods, datasets, regimes, suites."""
    table = Table("method", "what it is", "tracks", title="methods", title_justify="left")
    for known in map(methods.describe, methods.names()):
        shown = [view.title.lower() for track, view in VIEWS.items() if track in known.tracks]
        tracks = "all" if len(shown) == len(VIEWS) else ", ".join(shown)
        what = known.summary + _from(methods.origin(known.name))
        own = [f"{name}={value}" for name, value in methods.defaults(known.name).items()]
        facts = "; ".join(filter(None, (known.paper, known.status, ", ".join(own))))
        table.add_row(known.name, Text.assemble(what, "\n", (facts, "dim")), tracks)
    yield table
    table = Table("dataset", "what it is", "variants", title="datasets", title_justify="left")
    for name, module in sorted(datamodules.registry().items()):
        what = datamodules.title(name) + _from(datamodules.origin(name))
        table.add_row(name, Text(what), ", ".join(f"+{v}" for v in module.variants))
    for name, problem in datamodules.own().items():
        if problem:
            table.add_row(Text(name), Text(problem), "")
    yield table
    table = Table("regime", "what it keeps", title="regimes (dataset@regime)", title_justify="left")
    for name, text in KINDS.items():
        table.add_row(name, text)
    yield table
    table = Table("suite", "what it is", title=f"suites ({FOLDER.name}/)", title_justify="left")
    for name in suite_names():
        table.add_row(name, load(name).title)
    yield table


def _from(package: str) -> str:
    return f" (from {package})" if package else ""
