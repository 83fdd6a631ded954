"""Any text is shown by LaTeX and BibTeX as it is written, and obeyed by neither."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtail.benchmark.report import latex, marked
from medtail.benchmark.report.references import Library, Reference

from .reading import balanced, entries, shown

KNOWN = "".join(map(chr, range(33, 127))) + " ±≈†‡◇éàüçčñßøł\u2013\u2019"
known = st.text(KNOWN)


@given(known)
def test_text_is_shown_as_it_is(plain):
    made = latex.text(plain)
    assert shown(made) == unicodedata.normalize("NFC", plain)
    assert made.isascii()
    assert balanced(made)


@given(known)
def test_code_is_shown_as_it_is(name):
    made = latex.code(name)
    assert shown(made) == unicodedata.normalize("NFC", name)
    assert made.startswith(r"\texttt{")
    assert balanced(made)


@given(st.text())
def test_nothing_but_ascii_comes_out_and_every_group_ends(plain):
    for made in (latex.text(plain), latex.code(plain), marked.tex(marked.clean(plain))):
        assert made.isascii()
        assert balanced(made)
        assert "\n" not in made


@pytest.mark.parametrize(
    ("plain", "made"),
    [
        ("a--b ,, ''c''", "a-{}-b ,{}, '{}'c'{}'"),
        ("[nv]*", "{[}nv{]}{*}"),
        ("ISIC_2018 & 50 % #1", r"ISIC\_2018 \& 50 \% \#1"),
        ("é ő ę ß", r"\'{e} \H{o} \k{e} \ss{}"),
        ("e\u0301", r"\'{e}"),
        ("中文", "U+4E2DU+6587"),
        ("a\x00\u200bb\tc", "ab c"),
    ],
)
def test_what_is_written(plain, made):
    assert latex.text(plain) == made


def test_long_names_may_break_and_numbers_may_not():
    made = latex.code("metric_two_stage(weight=0.25)" + "x" * 40)
    assert latex.BREAK in made.partition("0.25")[0]
    assert "0.25" in made
    assert max(len(shown(part)) for part in latex.code("x" * 60).split(latex.BREAK)) <= latex.RUN


@given(known, known)
def test_sentences_keep_what_is_inserted(name, words):
    sentence = f"a {marked.code(name)} b{marked.cite(['key'])} {marked.clean(words)}"
    made = marked.tex(sentence)
    assert r"~\cite{key}" in made
    before, after = made.split(r"~\cite{key}")
    assert shown(before) == f"a {marked.clean(name)} b"
    assert shown(after) == f" {marked.clean(words)}"


@given(st.text("\ue000\ue001\ue002ab<*_`[|"))
def test_what_is_inserted_marks_nothing(text):
    assert not set(marked.clean(text)) & {marked.CODE, marked.CITE, marked.END}
    made = marked.markdown(f"x {marked.clean(text)}")
    assert "[@" not in made
    assert "<" not in made.replace("\\<", "")


@given(known, known)
def test_an_entry_is_read_back(title, author):
    title, author = " ".join(title.split()), " ".join(author.split())
    library = Library()
    (key,) = library.add([Reference("misc", {"title": title, "author": author, "year": "2020"})])
    assert balanced(library.bibtex)
    assert key.isalnum()
    assert key.isascii()
    found = entries(library.bibtex)[key]
    assert found.get("title", "") == title
    assert found.get("author", "") == author
