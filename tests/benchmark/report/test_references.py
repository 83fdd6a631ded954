"""References hold what docstrings and datasets say, and nothing else."""

import re

import pytest

from medtail import datamodules, methods
from medtail.benchmark.cards.docstrings import parse, read
from medtail.benchmark.report import references
from medtail.benchmark.report.references import Library, Reference, of_data, of_medtail, of_method
from medtail.datamodules.core.errors import MedtailError
from tests import ROOT

OURS = methods.own()


def words(reference: Reference) -> list[str]:
    """What its fields say, but for what BibTeX or an address adds."""
    fields = dict(reference.fields)
    fields.pop("archiveprefix", None)
    for name in ("url", "howpublished"):
        if "eprint" in fields and name in fields and fields[name].endswith(fields["eprint"]):
            del fields[name]
    return [w for text in fields.values() for w in text.split("\n") if w != "others"]


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_invented_of_a_method(name):
    text = read(name).parts["Paper"]
    found = of_method(name)
    for reference in found:
        for word in words(reference):
            assert word in text
    titles = re.findall(r'(?:[A-Z]\w+|al\.), "([^"]+)"', text)
    assert [r.fields["title"] for r in found if "title" in r.fields] == titles
    assert bool(found) == (name != "supervised_control"), "its paper is none"


@pytest.mark.parametrize("name", ["erm", "ldam", "clinical"])
def test_a_card_that_is_read_is_the_one_that_is_imported(name):
    assert read(name) == parse(name)


def test_parts_of_a_paper():
    (one,) = of_method("clinical")
    assert one.kind == "inproceedings"
    assert one.fields["author"] == "Kothawade\nothers"
    assert one.fields["booktitle"] == "MILLanD at MICCAI"
    assert one.fields["year"] == "2022"
    assert one.fields["url"] == "https://arxiv.org/abs/2210.01520"
    (journal,) = of_method("doc")
    assert journal.kind == "article"
    assert journal.fields["author"] == "Perera\nPatel"
    assert (journal.fields["journal"], journal.fields["volume"]) == ("IEEE TIP", "28")
    assert [r.fields["year"] for r in of_method("bald")] == ["2011", "2017"]
    assert of_method("no_such_method") == []


@pytest.mark.parametrize("slug", sorted(datamodules.written()))
def test_nothing_is_invented_of_data_and_nothing_is_lost(slug):
    family = datamodules.get(slug)
    name = next(n for n in (slug, *(f"{slug}+{v}" for v in family.variants)) if n)
    try:
        text = datamodules.build(name).citation
    except MedtailError:
        text = family.citation
    found = of_data(text)
    for reference in found:
        for word in words(reference):
            assert word in text
    assert len(found) == len([part for part in text.split("; ") if part])


def test_a_dataset_paper_in_parts():
    ham, isic = of_data(datamodules.build("isic2018").citation)
    assert ham.fields["author"].split("\n") == ["P. Tschandl", "C. Rosendahl", "H. Kittler"]
    assert (ham.fields["title"], ham.fields["journal"]) == (
        "The HAM10000 dataset",
        "Scientific Data",
    )
    assert (ham.fields["volume"], ham.fields["pages"], ham.fields["year"]) == (
        "5",
        "180161",
        "2018",
    )
    assert isic.fields["eprint"] == "1902.03368"
    assert "year" not in isic.fields, "2018 is of its title"
    (whole,) = of_data("our clinic {unpublished}")
    assert whole == Reference("misc", {"note": "our clinic {unpublished}"})


def test_medtail_is_cited_as_it_asks():
    assert references.CFF.read_text() == (ROOT / "CITATION.cff").read_text()
    found = of_medtail(["0.1.0", "0.2.0"])
    assert found.fields["author"] == "The medtail maintainers"
    assert found.fields["title"].startswith("medtail: a benchmark")
    assert found.fields["note"] == "Version 0.1.0, 0.2.0"
    library = Library()
    assert library.add([found]) == ["medtail"]
    assert "author = {{The medtail maintainers}}" in library.bibtex


def test_one_work_has_one_entry_and_the_fuller_one_stands():
    library = Library()
    fields = {"author": "Cui\nothers", "booktitle": "CVPR", "year": "2019"}
    assert library.add([Reference("inproceedings", fields)]) == ["cui2019"]  # without its title
    assert library.of("weighted_ce") == library.of("effective_number") == ["cui2019"]
    assert library.of("crt") == library.of("lws") == ["kang2020decoupling"]
    assert library.of("paco") == ["cui2021parametric"]
    assert library.bibtex.count("@") == 3
    assert "Class-balanced loss" in library.bibtex
    same = [Reference("misc", {"title": t, "author": "A"}) for t in ("Some one", "Some two")]
    assert library.add(same) == ["asome", "asome2"]
