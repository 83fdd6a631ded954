"""The boards as one page: a file that works offline, with everything of ``board_json`` inside."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
# In this order: each uses what stands before it.
SCRIPTS = (
    *("dom", "prior", "state", "rows", "differences", "record", "prior_panel", "ranking"),
    *(
        "classes",
        "figures",
        "labels",
        "cost",
        "learning",
        "course",
        "two",
        "operating",
        "export",
        "over",
    ),
    "main",
)
# Lines that hold nothing else: the repository has them, the page does without.
COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*(?:(?!\*/).)*\*/[ \t]*)\n", re.MULTILINE | re.DOTALL)
# What turns the direction of writing, as JSON has it.
TURNS = re.compile(r"(?<!\\)((?:\\\\)*)\\u(?:202[a-e]|206[6-9])")


def html(document: dict[str, Any]) -> str:
    """The page.

    Names, reasons and sources in it come from records that anybody may have written: no ``<`` of
    them reaches the parser, none of their characters turns the direction of writing, and no script
    but ours runs, by its digest.

    Args:
        document: of ``benchmark.board_json.document``.
    """
    parts = [
        COMMENT.sub("", (FOLDER / f"{name}.js").read_text(encoding="utf-8")) for name in SCRIPTS
    ]
    script = '\n(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
    style = "\n" + (FOLDER / "style.css").read_text(encoding="utf-8")
    data = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    filled = {
        "POLICY": f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}",
        "STYLE": style,
        "DATA": TURNS.sub(r"\1\\ufffd", data).replace("<", "\\u003c"),
        "SCRIPT": script,
    }
    page, rest = "", (FOLDER / "index.html").read_text(encoding="utf-8")
    for name, text in filled.items():  # in the template's order
        before, _, rest = rest.partition(f"%{name}%")
        page += before + text
    return page + rest


def _digest(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
