"""The command that measures which sources count in averages: ``medtail data sources``."""

from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from .data import built, console
from .options import BOARDS, Boards


def sources(
    names: Annotated[
        list[str],
        typer.Argument(help="Datasets, without regimes: pbc oct_mx ...", show_default=False),
    ],
    row: Annotated[
        str, typer.Option(help="A row of tables on frozen features, to hold the probe against.")
    ],
    size: Annotated[str, typer.Option(help="Of images of sources without such a table.")] = "96",
    leaderboards: Boards = BOARDS,
    page: Annotated[
        Path | None, typer.Option("--page", help="A Markdown page of all that was measured.")
    ] = None,
) -> None:
    """Measure the rules by which a source counts in averages, and keep what they say.

    Files must be at hand. Sources that are not named keep what was measured of them.
    """
    from medtail import datamodules
    from medtail.datamodules.core.writing import whole

    from ..boards import over_sources
    from ..boards.section import sections
    from ..evidence.published import read_predictions
    from ..evidence.record import read_lines
    from ..sources import page as pages
    from ..sources import rules
    from ..sources.probe import TREES

    if page and page.exists() and not page.read_text(encoding="utf-8").startswith(pages.MARK):
        raise MedtailError(f"{page} was not written by medtail data sources: name another --page")
    found = {one.name: one for one in over_sources.kept(leaderboards, rules.Source)}
    for number, name in enumerate(names, 1):
        slug = f"{name}@natural"
        path = leaderboards / "records" / f"{slug}.jsonl"
        table = rules.table_of(row, sections(read_lines(path)) if path.exists() else [])
        if table:  # the very images of the table
            terms = table.terms
            module = datamodules.build(slug, terms.image_size, **terms.data_params)
            seeds = rules.seeds_of(row, table, read_predictions(leaderboards, slug))
        else:
            module, seeds = built(slug, size, []), []
        module.setup()
        one = found[name] = rules.measured(module, row, seeds)
        why = f" ({', '.join(one.broken)})" if one.broken else ""
        line = f"{number} of {len(names)}: {name}: {one.tier}{why}, probe {one.probe[0]:.3f}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    every = [found[name] for name in sorted(found)]
    leaderboards.mkdir(parents=True, exist_ok=True)
    written = {leaderboards / over_sources.FILE: pages.as_json(every)}
    if page:
        written[page] = pages.page(every, TREES)
    for path, text in written.items():
        with whole(path) as part:
            part.write_text(text, encoding="utf-8")
        console.print(f"{path}: written", markup=False, highlight=False, soft_wrap=True)
