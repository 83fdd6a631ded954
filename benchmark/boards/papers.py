"""What a method's file says of its paper, and where that can be found; nothing is imported."""

import ast
import inspect
import re
from functools import cache
from pathlib import Path
from urllib.parse import quote

from medtail import methods

# See ``benchmark.cards.docstrings``, which has all parts.
PAPER = re.compile(r"^Paper:\s+(.+?)\nEquations:", re.DOTALL | re.MULTILINE)
ADDRESS = re.compile(r"https?://[^\s,;)]+[^\s,;).]")
ARXIV = re.compile(r"arXiv[ :](\d{4}\.\d{4,5})")
TITLE = re.compile(r'"(.+?)"')


@cache
def paper(name: str) -> tuple[str, str]:
    """The reference of a method in words, and the address of its paper or of a search for it.

    Both are empty for a method of another package, and the address where no paper is named.
    """
    if name not in methods.own():
        return "", ""
    tree = ast.parse(Path(methods.__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    found = PAPER.search(inspect.cleandoc(ast.get_docstring(tree) or ""))
    text = " ".join(found[1].split()) if found else ""
    return text, _address(text)


def _address(text: str) -> str:
    """The first that is named belongs to the first paper."""
    if found := ADDRESS.search(text):
        return found[0]
    if found := ARXIV.search(text):
        return f"https://arxiv.org/abs/{found[1]}"
    if found := TITLE.search(text):
        return f"https://scholar.google.com/scholar?q={quote(found[0])}"
    return ""
