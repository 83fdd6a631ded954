"""Readers of LaTeX that know nothing of how it is written: text, cells, entries of BibTeX."""

import re
import unicodedata

SIGNS = {
    "textbackslash": "\\",
    "textbraceleft": "{",
    "textbraceright": "}",
    "textasciicircum": "^",
    "textasciitilde": "~",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textquotedbl": '"',
    "textquotesingle": "'",
    "textasciigrave": "`",
    "textdagger": "†",
    "textdaggerdbl": "‡",
    "textendash": "\u2013",
    "textquoteright": "\u2019",
    "pm": "±",
    "times": "\u00d7",
    "approx": "≈",
    "diamond": "◇",
    "alpha": "α",  # noqa: RUF001
    "ss": "ß",
    "o": "ø",
    "l": "ł",
    "allowbreak": "",
    "ensuremath": "",
    "texttt": "",
    "textbf": "",
    "footnotesize": "",
}
ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "c": "\u0327", "v": "\u030c", "~": "\u0303"}
TOKEN = re.compile(r"""\\([a-zA-Z]+)(\{\})?|\\(['`"~])\{(\w)\}|\\(.)|([{}])|(.)""", re.DOTALL)


def shown(tex: str) -> str:
    """What LaTeX would print; fails on a command that it does not know."""
    tex = re.sub(r"\\([cv])\{(\w)\}", lambda m: m[2] + ACCENTS[m[1]], tex)
    made = []
    for word, _, accent, letter, escaped, brace, sign in TOKEN.findall(tex):
        assert not sign or sign not in "$&#_%^~\\", f"{sign} has a meaning in {tex!r}"
        made.append(
            SIGNS[word]
            if word
            else letter + ACCENTS[accent]
            if accent
            else escaped or ("" if brace else sign)
        )
    return unicodedata.normalize("NFC", "".join(made))


def balanced(tex: str) -> bool:
    """Whether every group ends, as BibTeX counts them: an escaped brace, too."""
    depth = 0
    for sign in tex:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def tabulars(tex: str) -> list[list[list[str]]]:
    """The cells of every table, head first, as they are printed."""
    found = []
    tex = re.sub(r"~\\cite\{[^}]*\}", "", tex)
    for body in re.findall(r"\\toprule\n(.*?)\\bottomrule", tex, re.DOTALL):
        head, rows = body.split("\\midrule\n")
        head = re.sub(
            r"\\begin\{tabular\}\[b\]\{@\{\}[rl]@\{\}\}(.*?)\\end\{tabular\}", r"\1", head
        )
        head = re.sub(r"\\\\(?!\n)", " ", head)
        lines = [head.strip(), *rows.strip().splitlines()]
        found.append(
            [
                [shown(c.strip()) for c in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]
                for line in lines
            ]
        )
    return found


def entries(bib: str) -> dict[str, dict[str, str]]:
    """The fields of every entry by its key, as they are printed."""
    found = {}
    for key, body in re.findall(r"^@\w+\{(\S+),\n(.*?)^\}$", bib, re.DOTALL | re.M):
        fields = re.findall(r"^  (\w+) = \{(.*)\},$", body, re.M)
        assert len(fields) == len(body.splitlines()), body
        found[key] = {n: text if n == "url" else shown(text) for n, text in fields}
    return found
