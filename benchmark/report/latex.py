"""Arbitrary text as LaTeX and BibTeX: pure ASCII, the same in every engine, nothing obeyed."""

import re
import unicodedata

TWICE = re.compile(r"(?<=([-,']))(?=\1)")  # would be a dash or quotes
BREAK = r"\allowbreak{}"
RUN = 12  # letters of code after which a line may break
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # no argument of \\
    "]": "{]}",
    "*": "{*}",
}
SYMBOLS = {
    "±": r"\ensuremath{\pm}",
    "\u00d7": r"\ensuremath{\times}",
    "✗": r"\ensuremath{\times}",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "◇": r"\ensuremath{\diamond}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "≈": r"\ensuremath{\approx}",
    "→": r"\ensuremath{\rightarrow}",
    "·": r"\ensuremath{\cdot}",
    "°": r"\ensuremath{^{\circ}}",
    "µ": r"\ensuremath{\mu}",
    "\u2013": r"\textendash{}",
    "—": r"\textemdash{}",
    "\u2212": r"\ensuremath{-}",
    "\u2018": r"\textquoteleft{}",
    "\u2019": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "…": r"\dots{}",
    "§": r"\S{}",
    "©": r"\copyright{}",
    "€": r"\texteuro{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "\u0131": r"\i{}",
    "đ": r"\dj{}",
    "Đ": r"\DJ{}",
    "ð": r"\dh{}",
    "þ": r"\th{}",
    "Þ": r"\TH{}",
}
GREEK = dict(
    zip(
        "αβγδεζηθκλμπρστφχψωΔΣΩ",
        (
            *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa"),
            *("lambda", "mu", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
            *("Delta", "Sigma", "Omega"),
        ),
        strict=True,
    )
)
ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
    "\u0328": "k",
}


def text(plain: str) -> str:
    """Text as LaTeX shows it; a character that it has no sign for becomes its code, ``U+4E2D``."""
    return TWICE.sub("{}", "".join(map(_sign, unicodedata.normalize("NFC", plain))))


def code(name: str) -> str:
    """A name in typewriter letters, which may break at its signs and within long runs of letters.

    Digits of a number stay together.
    """
    made, run = list[str](), 0
    for before, sign in zip(f" {name}", name, strict=False):
        run = run + 1 if sign.isalnum() else 0
        made.append(r"\textquotesingle{}" if sign == "'" else _sign(sign))
        breaks = sign in "_,=(/+@:;|" or (sign == "." and not before.isdigit())
        if breaks or (run and not run % RUN):
            made.append(BREAK)
    return rf"\texttt{{{''.join(made)}}}"


def _sign(sign: str) -> str:
    if sign in SPECIAL:
        return SPECIAL[sign]
    if sign in SYMBOLS:
        return SYMBOLS[sign]
    if sign in GREEK:
        return rf"\ensuremath{{\{GREEK[sign]}}}"
    if sign.isspace():
        return " "
    if " " < sign <= "~":
        return sign
    parts = unicodedata.normalize("NFD", sign)
    base, mark = parts[0], parts[1:]
    if mark in ACCENTS and base.isascii() and base.isalpha():
        return rf"\{ACCENTS[mark]}{{{base}}}"
    invisible = unicodedata.category(sign) in ("Cc", "Cf")
    return "" if invisible else f"U+{ord(sign):04X}"
