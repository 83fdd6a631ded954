"""Pages of datasets: counts of every board, and cards without files."""

import pytest

from medtail import datamodules
from medtail.benchmark.boards.section import sections
from medtail.benchmark.cards import data_pages
from medtail.benchmark.cards import evidence as card_evidence
from tests.boards import ONE, one_class, with_value


def test_training_counts_of_every_board(tmp_path):
    longtail = [with_value(0.5)]
    oneclass = [one_class(terms=ONE)[0]]
    boards = [
        card_evidence.Board("fake@oneclass", sections(oneclass), []),
        card_evidence.Board("fake@natural", sections(longtail), []),
        card_evidence.Board("fakes@natural", sections(longtail), []),
    ]
    mine = data_pages.about(boards, "fake")
    assert [b.slug for b in mine] == ["fake@natural", "fake@oneclass"]
    text = data_pages._boards(mine, "../b")
    assert "- [fake@oneclass](../b/fake@oneclass.md): one-class" in text
    assert "| Class | @natural | @oneclass |" in text
    assert "| nv | 900 | 4,693 |" in text
    assert "| not nv |  | 0 |" in text
    assert "| all | 960 | 4,693 |" in text


@pytest.mark.parametrize("slug", sorted(datamodules.registry()))
def test_a_dataset_without_files_has_a_card(slug):
    text = data_pages.short(slug)
    assert "\n\n\n" not in text
    assert not data_pages.is_full(text)
    made = data_pages.module_of(slug)
    if made is None:
        assert "cannot be used" in text
    else:
        found = data_pages.summary(slug, text)
        assert (found.title, found.licence) == (made.title, made.licence)
        assert made.citation in text
        assert all(name in text for name in made.class_names)
        assert (found.images, found.groups) == ("", "")
        assert not made.files or "- files: " in text
        parts = [*made.layouts.labels, *made.layouts.images]
        rows = [line for line in text.splitlines() if line.startswith(("| labels ", "| images "))]
        assert len(rows) == len(parts)
        for row, part in zip(rows, parts, strict=True):
            assert all(name in row for name in (*part.names, part.whose))
