"""The digest of code follows what code does."""

import pytest

from medtail.methods.core.index import HERE
from medtail.methods.core.source_code import code_digest, own_files, tree_text

CODE = '''"""A card."""

from math import exp


class Loss:
    """Of a paper."""

    scale: float = 2.0

    def __call__(self, x: float, *, y: int = 1) -> float:
        """Eq. 3."""
        text = f"{x:.3f} {y!r}"
        return exp(-x) * self.scale if y else len(text)
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Of a paper."""', '"""Of another paper."""'),
        ('        """Eq. 3."""\n', ""),
        ('"""A card."""\n', ""),
        ("        return exp(-x)", "        # eq. 3\n        return exp( -x )"),
        ("y: int = 1) -> float", "y: int = 1,\n    ) -> float"),
        ('f"{x:.3f} {y!r}"', "f'{x:.3f} ' f'{y!r}'"),
    ],
)
def test_words_and_layout_do_not_count(old, new):
    assert old in CODE
    assert tree_text(CODE.replace(old, new)) == tree_text(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("exp(-x)", "exp(x)"),
        ("2.0", "2"),
        ("2.0", "2.5"),
        (".3f", ".4f"),
        ("!r", "!s"),
        ("y: int = 1", "y: int = 0"),
        ("*, y", "y"),
        ("self.scale if y", "self.scale if not y"),
        ("import exp", "import log as exp"),
        ("    scale", "    other"),
    ],
)
def test_what_it_does_counts(old, new):
    assert old in CODE
    assert tree_text(CODE.replace(old, new)) != tree_text(CODE)


def test_a_string_that_is_no_docstring_counts():
    assert tree_text("x = 'a'") != tree_text("x = 'b'")
    assert tree_text("def f():\n    'a'\n    return 1") == tree_text("def f():\n    return 1")


def test_the_same_on_every_python():
    """Written down once: the syntax trees of 3.11 to 3.13 differ in what they leave empty."""
    assert tree_text("def f(x: int = 1):\n    return [*x, f'{x!r:>{2}}']") == (
        "('Module', ('body', [('FunctionDef', ('name', ('str', \"'f'\")), ('args', ('arguments', "
        "('args', [('arg', ('arg', ('str', \"'x'\")), ('annotation', ('Name', ('id', ('str', "
        "\"'int'\")), ('ctx', ('Load',)))))]), ('defaults', [('Constant', ('value', ('int', '1')))"
        "]))), ('body', [('Return', ('value', ('List', ('elts', [('Starred', ('value', ('Name', "
        "('id', ('str', \"'x'\")), ('ctx', ('Load',)))), ('ctx', ('Load',))), ('JoinedStr', "
        "('values', [('FormattedValue', ('value', ('Name', ('id', ('str', \"'x'\")), ('ctx', "
        "('Load',)))), ('conversion', ('int', '114')), ('format_spec', ('JoinedStr', ('values', "
        "[('Constant', ('value', ('str', \"'>'\"))), ('FormattedValue', ('value', ('Constant', "
        "('value', ('int', '2')))), ('conversion', ('int', '-1')))]))))]))]), ('ctx', ('Load',))"
        ")))]))]))"
    )


def test_own_files_follow_imports_of_other_methods():
    names = {name: {path.name for path in own_files(name)} for name in ("erm", "proco", "supcon")}
    assert names == {
        "erm": {"erm.py"},
        "proco": {"proco.py", "paco.py"},
        "supcon": {"supcon.py", "crt.py"},
    }


def test_names_and_tables_count(tmp_path):
    one, other, table = (tmp_path / name for name in ("a.py", "b.py", "c.csv"))
    one.write_text("x = 1")
    other.write_text("x = 1")
    table.write_text("1,2")
    assert code_digest([one]) != code_digest([other])
    before = code_digest([one, table])
    table.write_text("1,25")
    assert code_digest([table, one]) != before


def test_every_method_has_files():
    assert all(path.is_relative_to(HERE) for path in own_files("clinical"))
    assert own_files("there_is_none") == ()
