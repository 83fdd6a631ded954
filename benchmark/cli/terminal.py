"""The terminal: what is printed is text, whatever names it has and whatever it can show."""

import codecs
import io
import os
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from medtail.datamodules.core.markup import visible

# One character each, so that tables stay straight; boxes are drawn in ASCII by rich.
ASCII = {ord(c): to for c, to in zip("✓✗…·±→†‡◇●○≥≤", "vx..~>+#*.o><", strict=True)}


class _Inert(Console):
    """A console that obeys nothing of what it is given to print."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is shown, without escapes other than rich's own."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)


def console(stderr: bool = False) -> Console:
    """A console that prints text as it is: ``[nv]`` is no style and ``:x:`` no picture."""
    if os.environ.get("COLUMNS") == "0":  # the width is not known: rich would print nothing
        del os.environ["COLUMNS"]
    return _Inert(markup=False, emoji=False, highlight=False, stderr=stderr)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that a stream cannot show."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(ASCII)
    return "".join(c if c.isascii() else "?" for c in text), error.end


def show_what_can_be_shown() -> None:
    """Let no character that the terminal lacks end a command."""
    codecs.register_error("medtail", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="medtail")
