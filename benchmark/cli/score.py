"""The command that ranks predictions made elsewhere: ``medtail score``."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName

from . import terminal
from .options import BOARDS, KnownBoards, known_boards

if TYPE_CHECKING:
    from ..comparison.comparison import Comparison
    from ..evidence.outside import Submitted
    from ..scoring.scores_file import Scores
    from ..scoring.submission import Truth

console = terminal.console()
ADDED = Path("runs/leaderboards")  # the project's own boards keep to what medtail ran


def score(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV or Parquet: ids and a column per class; a file for each seed."),
    ] = None,
    data: Annotated[str, typer.Option("--data", help="The board, such as isic2018@natural.")] = "",
    form: Annotated[
        str, typer.Option(help="probabilities or logits; empty to tell by the numbers.")
    ] = "",
    against: Annotated[
        str, typer.Option("--against", help="Rows of the board to compare with: erm,proco.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What the predictions go by.")] = "",
    url: Annotated[str, typer.Option("--url", help="With --add: where more is told.")] = "",
    note: Annotated[str, typer.Option("--note", help="With --add: a line about them.")] = "",
    add: Annotated[
        bool, typer.Option("--add", help="Put them beside the board's rows, marked as submitted.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="With --add: in place of those of the same name.")
    ] = False,
    remove: Annotated[
        str, typer.Option("--remove", metavar="NAME", help="Take submitted predictions off.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="A new JSON file that keeps what is printed.")
    ] = None,
    leaderboards: KnownBoards = None,
) -> None:
    """Score predictions made elsewhere: metrics, intervals, and the rank they would have.

    Beside a board's rows only with --add, in runs/leaderboards or the folder that is named.
    """
    from ..evidence import record
    from ..scoring import forms, pages, scores_file, submission, submitting

    _check(files, data, name, add, url or note or replace, remove)
    target = leaderboards or ADDED
    if remove:
        submitting.remove(target, data, remove)
        _render(target, data, f"{remove}: removed from")
        return
    assert files  # _check has seen to it
    kind = forms.form_of(form)
    source = _source(leaderboards, data, add)
    if out and out.exists():
        raise MedtailError(f"--out {out} exists already: name a new file")
    if out and out.resolve().is_relative_to(source.resolve()):
        raise MedtailError(f"--out {out}: the leaderboards keep only what medtail ran itself")
    truth = submission.truth_of(source, data)
    scores = scores_file.read(files, truth.wanted, kind)
    entry = submission.entry_of(truth, scores, name or submission.UNNAMED, url, note)
    if add:
        submitting.check(target, source, truth, entry, replace)
    scored = submission.score(truth, scores, entry)
    compared = _against(source, truth, entry, scores, against)
    notes = pages.notes(truth, scores, add)
    console.print(
        f"{', '.join(f.name for f in files)} on {truth.data}", markup=False, highlight=False
    )
    console.print(*pages.tables(truth, scored))
    for line in (pages.rank(truth, scored), *notes):
        console.print(f"- {line}", markup=False, highlight=False)
    _show(compared)
    if out:
        values = pages.values(files, truth, scores, scored, notes)
        record.write(out, json.dumps(values, indent=1) + "\n")
        console.print(f"{out}: written", markup=False, highlight=False)
    if add:
        submitting.add(target, source, truth, scores, entry, replace)
        _render(target, data, f"{entry.name}: beside the rows of")


def _check(
    files: list[Path] | None, data: str, name: str, add: bool, more: object, remove: str
) -> None:
    """Refuse what does not go together."""
    if not data:
        raise MedtailError("--data: name the board, such as --data isic2018@natural")
    if remove and (files or add):
        raise MedtailError(f"--remove {remove}: takes no file, and no --add beside it")
    if not files and not remove:
        raise MedtailError("name a file of scores: CSV or Parquet, ids and a column per class")
    if add and not name:
        raise MedtailError("--add: say by --name what the predictions go by")
    if more and not add:
        raise MedtailError("--url, --note and --replace belong to --add, which is not there")


def _source(given: Path | None, data: str, add: bool) -> Path:
    """The folder whose board the predictions are held against.

    The one that is named; else the project's, or that of one's own runs where only it has the
    board. To be added to, one's own comes first.
    """
    from ..evidence.shipped import SHIPPED

    def has(folder: Path) -> bool:
        return (folder / "records" / f"{DataName.parse(data)}.jsonl").exists()

    if given and (has(given) or not add):
        return given
    project = BOARDS if (BOARDS / "records").is_dir() else SHIPPED
    if not given and has(ADDED) and (add or not has(project)):
        console.print(f"the board of {data} in {ADDED}", markup=False, highlight=False)
        return ADDED
    return known_boards(None, console)


def _against(
    root: Path, truth: "Truth", entry: "Submitted", scores: "Scores", names: str
) -> "list[Comparison]":
    from ..comparison import differences
    from ..scoring.submission import given_of

    # Names may have parameters: mixup(alpha=0.2, beta=1).
    bases = [part.strip() for part in re.split(r",(?![^(]*\))", names) if part.strip()]
    if not bases:
        return []
    slugs = differences.boards(root, str(truth.data))
    more = [(entry, given_of(truth, scores))]
    return differences.compare(root, slugs, entry.name, bases, more)


def _show(found: "list[Comparison]") -> None:
    from ..comparison import pages

    for one in found:
        console.print(pages.table(one))
    if found:
        console.print(pages.HOW, highlight=False)
    for line in pages.verdict(found):
        console.print(line, highlight=False, markup=False)


def _render(root: Path, data: str, told: str) -> None:
    from ..boards import leaderboard

    leaderboard.render(root)
    slug = DataName.parse(data)
    console.print(f"{told} {root / f'{slug}.md'}", markup=False, highlight=False, soft_wrap=True)
