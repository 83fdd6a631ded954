"""Docstrings as cards: what the module of a method and the Args of its class say."""

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import NamedTuple

from medtail import methods
from medtail.datamodules.core.errors import MedtailError

PARTS = ("Paper", "Equations", "Deviations", "Status")
CARD = re.compile(r"(.+?)\n\n" + r"\n".join(rf"{part}:\s+(.+?)" for part in PARTS), re.DOTALL)
ARGUMENT = re.compile(r"^    (\w[\w, ]*): +(.+(?:\n {5,}.+)*)", re.MULTILINE)
POINTER = "see ``"  # to a class above, which says it
# Of Markdown: what would be markup. An underscore within a word is none.
MARKUP = re.compile(r"[\\*\[\]<~]|(?<![^\W_])_|_(?![^\W_])")


class MethodCard(NamedTuple):
    """What a method's module says of it: its first paragraph, and the text of each of ``PARTS``."""

    title: str
    parts: dict[str, str]


def parse(name: str) -> MethodCard:
    """The card in the docstring of a method's module, each part on one line.

    Raises:
        MedtailError: a part is missing, empty or out of order.
    """
    module = methods.get(name).__module__
    return _card(name, module, sys.modules[module].__doc__ or "")


def read(name: str) -> MethodCard:
    """The same without importing a method of ours, which takes seconds.

    Raises:
        MedtailError: as ``parse``; or there is no such method.
    """
    if name not in methods.own():
        return parse(name)
    path = Path(methods.__file__).with_name(f"{name}.py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False)
    return _card(name, path.stem, text or "")


def _card(name: str, module: str, text: str) -> MethodCard:
    found = CARD.fullmatch(inspect.cleandoc(text).strip())
    if not found:
        raise MedtailError(
            f"method {name}: the docstring of {module} is no card: write one line on what it is, "
            f"an empty line, then the parts {', '.join(f'{p}:' for p in PARTS)} in this order"
        )
    title, *parts = (" ".join(part.split()) for part in found.groups())
    return MethodCard(title, dict(zip(PARTS, parts, strict=True)))


def arguments(family: type, section: str = "Args") -> dict[str, str]:
    """What the Args of a class's docstring, and of those it inherits from, say of each name.

    Args:
        family: the class.
        section: another part of the docstring, such as ``Attributes``.
    """
    found: dict[str, str] = {}
    pointers: dict[str, str] = {}
    for owner in family.__mro__:
        text = inspect.cleandoc(vars(owner).get("__doc__") or "")
        block = text.partition(f"\n{section}:\n")[2].partition("\n\n")[0]
        for names, told in ARGUMENT.findall(block):
            for name in names.split(", "):
                into = pointers if told.startswith(POINTER) else found
                into.setdefault(name, " ".join(told.split()))
    return pointers | found


def escaped(text: str) -> str:
    """Text of a docstring as Markdown that shows it: code stays code, nothing becomes markup."""
    parts = re.split(r"(``.+?``)", text)
    return "".join(p if k % 2 else MARKUP.sub(r"\\\g<0>", p) for k, p in enumerate(parts))
