"""Submitted predictions are kept whole or not at all, and taken off without a trace."""

import pytest

from medtail.benchmark.evidence import outside
from medtail.benchmark.scoring import submission, submitting
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.outsiders import NAME, SLUG, board_of, put, scores_of
from tests.boards import files


def test_what_is_put_there_is_read_as_it_was(tmp_path):
    scored = put(board_of(tmp_path), url="https://example.org/a?b=1", note="trained at home")
    (entry,) = outside.read(tmp_path, SLUG)
    assert entry == scored.row.submitted
    assert (entry.name, entry.seeds, entry.form) == (NAME, ("7", "8"), "probabilities")
    assert (entry.url, entry.note) == ("https://example.org/a?b=1", "trained at home")
    given = outside.read_given(tmp_path, SLUG, entry)
    assert (given.logits == scores_of().logits).all()
    assert given.id.tolist() == submission.truth_of(tmp_path, SLUG).samples.id.tolist()


def test_records_and_predictions_of_the_board_stay_as_they_are(tmp_path):
    before = files(board_of(tmp_path))
    put(tmp_path)
    kept = {path: text for path, text in files(tmp_path).items() if path.parts[0] != "outside"}
    assert kept == before
    submitting.remove(tmp_path, SLUG, NAME)
    left = files(tmp_path)
    assert {path: text for path, text in left.items() if text} == before
    with pytest.raises(MedtailError, match="unknown submitted predictions on fake@natural"):
        submitting.remove(tmp_path, SLUG, NAME)
    with pytest.raises(MedtailError, match=r"unknown board of .* with submitted predictions"):
        submitting.remove(tmp_path, "fake@lt100", NAME)


def test_a_name_is_taken_once_unless_one_is_to_be_replaced(tmp_path):
    put(board_of(tmp_path))
    before = files(tmp_path)
    other = scores_of("another", (0, 1, 2))
    with pytest.raises(MedtailError, match="already: write --replace, or another --name"):
        put(tmp_path, scores=other)
    assert files(tmp_path) == before
    put(tmp_path, "second", other)
    put(tmp_path, scores=scores_of("third"), replace=True)
    entries = {e.name: e for e in outside.read(tmp_path, SLUG)}
    assert entries.keys() == {NAME, "second"}
    assert (outside.read_given(tmp_path, SLUG, entries["second"]).logits == other.logits).all()
    assert len(list((tmp_path / "outside" / SLUG).iterdir())) == 2
    with pytest.raises(MedtailError, match="--name erm: a row of fake@natural is called so"):
        put(tmp_path, "erm")


def test_a_failure_on_the_way_loses_nothing(tmp_path, monkeypatch):
    put(board_of(tmp_path))
    before = files(tmp_path)
    monkeypatch.setattr(outside, "_parsed", lambda *_: [])
    monkeypatch.setattr(outside, "_table", lambda _: outside.pa.table({"id": ["a"]}))
    with pytest.raises(MedtailError, match=r"no readable predictions"):
        put(tmp_path, "second", replace=True)
    monkeypatch.undo()
    assert {p: t for p, t in files(tmp_path).items() if not p.name.startswith(".")} == before


def test_damaged_evidence_is_one_clear_line(tmp_path):
    put(board_of(tmp_path))
    (entry,) = outside.read(tmp_path, SLUG)
    lines = tmp_path / "outside" / f"{SLUG}.jsonl"
    numbers = tmp_path / "outside" / SLUG / f"{entry.predictions}.parquet"
    other = put(tmp_path, "second", scores_of("another")).row.submitted
    numbers.write_bytes((numbers.parent / f"{other.predictions}.parquet").read_bytes())
    with pytest.raises(MedtailError, match=f"not the predictions {entry.predictions}"):
        outside.read_given(tmp_path, SLUG, entry)
    numbers.unlink()
    with pytest.raises(MedtailError, match=r"no readable predictions .* restore it"):
        outside.read_given(tmp_path, SLUG, entry)
    whole = lines.read_text()
    lines.write_text(whole.replace('"form":"prob', '"form":"'))
    with pytest.raises(MedtailError, match=r"line 1: no submitted predictions .form"):
        outside.read(tmp_path, SLUG)
    lines.write_text(whole.replace('"schema_number":1', '"schema_number":9'))
    with pytest.raises(MedtailError, match="line 1: of another schema"):
        outside.read(tmp_path, SLUG)


def test_a_board_is_begun_with_the_records_it_was_scored_on(tmp_path):
    source, target = board_of(tmp_path / "source"), tmp_path / "target"
    truth, scores = submission.truth_of(source, SLUG), scores_of()
    entry = submission.entry_of(truth, scores, NAME)
    submitting.add(target, source, truth, scores, entry, replace=False)
    for kind, end in (("records", "jsonl"), ("predictions", "parquet")):
        path = f"{kind}/{SLUG}.{end}"
        assert (target / path).read_bytes() == (source / path).read_bytes()
    assert not (source / "outside").exists()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": ""}, "--name '': write 1 to 60 letters"),
        ({"name": "x" * 61}, "write 1 to 60 letters"),
        ({"name": "a\nb"}, "--name: write one line of printable letters"),
        ({"name": "a", "note": "a\u2028b"}, "--note: write one line of printable letters"),
        ({"name": "a", "url": "javascript:alert(1)"}, "--url 'javascript:alert.1.': write an"),
        ({"name": "a", "url": "https://a.b/ c"}, "write an address that begins with https"),
        ({"name": "a", "url": "https://a.b/<script>"}, "write an address that begins with"),
    ],
)
def test_what_cannot_be_shown_is_refused(said, told):
    with pytest.raises(MedtailError, match=told):
        outside.checked(**said)
