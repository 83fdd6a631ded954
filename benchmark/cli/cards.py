"""The command that writes cards of methods and datasets as pages: ``medtail cards``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtail.datamodules.core.errors import DataMissingError, MedtailError
from medtail.datamodules.core.writing import whole

from . import terminal
from .options import BOARDS, Boards

if TYPE_CHECKING:
    from ..cards.data_pages import Summary
    from ..cards.evidence import Board

console = terminal.console()
CHECKOUT = "datamodules/core/contract.py"  # by which a folder is known as medtail's source


class Pages:
    """Writes pages, tells which of how many, and counts what changed."""

    def __init__(self, out: Path, total: int) -> None:
        self.out, self.total, self.done, self.changed = out, total, 0, 0

    def write(self, name: str, text: str, picture: bytes = b"") -> None:
        """A page, and a picture beside it; a file that has this content already stays untouched.

        Raises:
            MedtailError: another's page stands there.
        """
        from ..cards.method_pages import MARK

        path = self.out / name
        if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
            raise MedtailError(
                f"{path} was not written by medtail cards: move it, or name another --out"
            )
        if picture:
            self._put(path.with_suffix(".png"), picture)
        self._put(path, text.encode())
        self.step(name)

    def step(self, name: str, note: str = "") -> None:
        """Tell that a page is done."""
        self.done += 1
        told = f"{self.done} of {self.total}: {name}{note}"
        console.print(told, markup=False, highlight=False, soft_wrap=True)

    def _put(self, path: Path, content: bytes) -> None:
        if path.exists() and path.read_bytes() == content:
            return
        with whole(path) as part:
            part.write_bytes(content)
        self.changed += 1


def cards(
    out: Annotated[Path, typer.Option("--out", help="Folder of the cards.")] = Path("docs/cards"),
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures",
            help="Class examples of real images, too; then --out lies outside the checkout.",
        ),
    ] = False,
    leaderboards: Boards = BOARDS,
) -> None:
    """Write a page for every method and every dataset, and an index of them.

    Figures are those of the leaderboards' records. Of a dataset without files an earlier, fuller
    page stays.
    """
    from medtail import datamodules, methods

    from ..cards import evidence, method_pages
    from ..cards.docstrings import parse

    if pictures:
        _refuse_checkout(out)
    known = {name: parse(name) for name in sorted(methods.registry())}
    boards = list(evidence.boards(leaderboards))
    if not boards:
        console.print(f"no records in {leaderboards}: costs and results will be n/a")
    plain = evidence.plain_method()
    costs = evidence.costs((s for b in boards for s in b.sections), plain)
    results = evidence.results(boards)
    slugs = [name for name in sorted(datamodules.registry()) if _shown(name, out)]
    pages = Pages(out, len(known) + len(slugs) + 1)
    above = _seen_from(out / "methods", leaderboards)
    for name, card in known.items():
        mine = costs.get(name, {}), results.get(name, [])
        maps = f"{name}.png" if (out / f"methods/{name}.png").exists() else ""
        pages.write(f"methods/{name}.md", method_pages.page(name, card, plain, *mine, above, maps))
    _remove_stale(out / "methods", set(known))
    datasets = [_dataset(pages, slug, boards, leaderboards, pictures) for slug in slugs]
    pages.write("README.md", method_pages.index(known, plain, costs, datasets))
    told = f"{out / 'README.md'}: {pages.total} pages, {pages.changed} files changed"
    console.print(told, highlight=False, soft_wrap=True)


def _dataset(
    pages: Pages, slug: str, boards: "list[Board]", leaderboards: Path, pictures: bool
) -> "Summary":
    """Write the page of a dataset, or keep a fuller one."""
    from ..cards import data_pages
    from ..cards import pictures as card_pictures

    name = f"data/{slug}.md"
    path, module = pages.out / name, data_pages.module_of(slug)
    trouble = data_pages.problem(module) if module else None
    if trouble and not isinstance(trouble, DataMissingError):
        console.print(f"{slug}: {trouble}", style="red", markup=False, highlight=False)
    if module and not trouble:
        shown = pictures or card_pictures.free(module)
        mine = data_pages.about(boards, slug)
        above = _seen_from(pages.out / "data", leaderboards)
        text = data_pages.full(module, mine, above, f"{slug}.png" if shown else "")
        pages.write(name, text, card_pictures.picture(module) if shown else b"")
    elif path.exists() and data_pages.is_full(text := path.read_text(encoding="utf-8")):
        pages.step(name, ": its files cannot be read here, the fuller page of before stays")
    else:
        text = data_pages.short(slug)
        pages.write(name, text)
    return data_pages.summary(slug, text)


def _seen_from(folder: Path, leaderboards: Path) -> str:
    return Path(os.path.relpath(leaderboards.resolve(), folder.resolve())).as_posix()


def _shown(name: str, out: Path) -> bool:
    """Whether a dataset has a page; says why one of somebody's own has none.

    Such a page tells of data that are not the project's: it is not written into a checkout.
    """
    from medtail import datamodules

    if name not in datamodules.own():
        return True
    try:
        datamodules.build(name)
    except MedtailError as error:
        console.print(f"no page: {error}", markup=False, highlight=False, soft_wrap=True)
        return False
    if _checkout_of(out):
        told = f"no page of {name}, a dataset of your own: {out} lies in a checkout of medtail"
        console.print(told, markup=False, highlight=False, soft_wrap=True)
    return not _checkout_of(out)


def _checkout_of(out: Path) -> Path | None:
    """The checkout of medtail that a folder lies in."""
    place = out.resolve()
    return next((p for p in (place, *place.parents) if (p / CHECKOUT).exists()), None)


def _refuse_checkout(out: Path) -> None:
    if inside := _checkout_of(out):
        raise MedtailError(
            f"--pictures with --out {out}: that lies in a checkout of medtail ({inside}), and real "
            "images are not to be published with the project; name a folder outside of it"
        )


def _remove_stale(folder: Path, known: set[str]) -> None:
    """Pages of methods that are no more; what this command did not write stays."""
    from ..cards.method_pages import MARK

    for path in folder.glob("*.md"):
        if path.stem not in known and path.read_text(encoding="utf-8").startswith(MARK):
            path.unlink()
