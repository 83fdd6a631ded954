"""The cells that a command is about: filters of the command line."""

from fnmatch import fnmatchcase

from medtail.datamodules.core.errors import MedtailError

from .cell import Cell


def select(cells: list[Cell], method: str = "", data: str = "", seed: str = "") -> list[Cell]:
    """Cells that match all filters: comma-separated globs for methods and data, numbers for seeds.

    Raises:
        MedtailError: a filter that matches nothing, with what there is.
    """
    kept = cells
    rows = {c.method for c in cells} | {c.row for c in cells}
    for text, known, kind in (
        (method, sorted(rows), "method"),
        (data, sorted({c.terms.data for c in cells}), "data"),
        (seed, sorted({str(c.seed) for c in cells}), "seed"),
    ):
        if not text:
            continue
        globs = [part.strip() for part in text.split(",") if part.strip()]
        if not globs:
            raise MedtailError(f"--{kind} {text!r} names nothing; it has {', '.join(known)}")
        for glob in globs:
            # A dataset's name alone stands for all its regimes.
            if not any(fnmatchcase(k, glob) or k.partition("@")[0] == glob for k in known):
                raise MedtailError(
                    f"--{kind} {glob}: nothing of this suite matches; it has {', '.join(known)}"
                )

        def matches(value: str, globs: list[str] = globs) -> bool:
            return any(fnmatchcase(value, g) or value.partition("@")[0] == g for g in globs)

        if kind == "method":
            kept = [c for c in kept if matches(c.method) or matches(c.row)]
        elif kind == "data":
            kept = [c for c in kept if matches(c.terms.data)]
        else:
            kept = [c for c in kept if matches(str(c.seed))]
    return kept
