"""What is printed is text, on any terminal."""

import io
import re
import sys

from rich.table import Table

from medtail.benchmark.cli import terminal
from tests import ROOT

NAMES = ["[nv]", "benign [/b]", ":smile:", "[link=x]y[/link]", "\\[x]", "\ud800", "é ✓ ± 中"]


def printed(encoding, monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding=encoding))
    terminal.show_what_can_be_shown()
    console = terminal.console()
    table = Table("name", title=NAMES[1])
    for name in NAMES:
        console.print(name)
        table.add_row(name)
    console.print(table)
    sys.stdout.flush()
    return file.getvalue().decode(encoding)


def test_names_are_printed_as_they_are(monkeypatch):
    shown = printed("utf-8", monkeypatch)
    for name in NAMES[:5]:
        assert shown.count(name) >= 2, name
    assert "é ✓ ± 中" in shown


def test_a_terminal_of_unknown_width_is_not_empty(monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    assert "[nv]" in printed("utf-8", monkeypatch)


def test_what_a_terminal_lacks_has_a_stand_in(monkeypatch):
    shown = printed("ascii", monkeypatch)
    assert "? v ~ ?" in shown
    assert shown.count("[nv]") == 2


def test_what_a_terminal_obeys_is_rich_s_own(capsys):
    console = terminal.console()
    console.print("\x1b[31mred\r\x07\u202e", style="red")
    assert capsys.readouterr().out == "\ufffd[31mred\ufffd\n"
    coloured = terminal._Inert(
        markup=False, highlight=False, force_terminal=True, file=io.StringIO()
    )
    coloured.print("\x1b[0mx", style="red")
    assert coloured.file.getvalue() == "\x1b[31m\ufffd[0mx\x1b[0m\n"


def test_all_commands_print_through_it():
    """A console of rich reads ``[nv]`` as a style, unless it is told not to."""
    made = [
        path.name
        for path in sorted((ROOT / "benchmark").rglob("*.py"))
        if re.search(r"\bConsole\(|\(Console\)", path.read_text())
    ]
    assert made == ["terminal.py"]
