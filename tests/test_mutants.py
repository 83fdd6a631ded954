"""``make mutants``: which changes are made to a file, and by which tests they are tried."""

import ast

import pytest

from tools import mutants

TEXT = '''"""A file."""

from os import path


@cached(size=2)
def weigh(counts: list[int], power: "float" = 0.5) -> dict[str, int]:
    """Weights."""
    if counts[0] < 1 and not power:
        raise ValueError(f"{counts[0] + 1}")
    seen.add(counts)
    low = min(counts)
    list(zip(counts, order, strict=True))
    order = sorted(counts, key=abs)
    return {"sum": sum(counts, start=0), "low": low if -power else 3}
'''


def made():
    return {(m.old, m.new) for m in mutants.mutants_of("weigh.py", TEXT)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("counts[0] < 1", "(counts[0] <= 1)"),
        ("counts[0] < 1 and not power", "(counts[0] < 1 or not power)"),
        ("not power", "(power)"),
        ("-power", "(power)"),
        ("seen.add(counts)", "pass"),
        ("min(counts)", "(max(counts))"),
        ("sum(counts, start=0)", "(sum(counts))"),
        ("low if -power else 3", "(3 if -power else low)"),
        ("0.5", "(1.0)"),
        ("3", "(4)"),
    ],
)
def test_every_kind_of_change_is_made(old, new):
    assert (old, new) in made()


def test_a_call_that_would_not_run_is_no_change_worth_a_test():
    assert ("sorted(counts, key=abs)", "(list(counts, key=abs))") not in made()
    assert ("sorted(counts, key=abs)", "(sorted(counts))") in made()


def test_that_lengths_must_fit_is_no_change_that_a_right_call_can_tell():
    changed = {new for old, new in made() if "zip" in old or old == "True"}
    assert changed == {"pass"}, "the call is left out, and nothing else"


def test_entries_of_a_dict_are_left_out_one_by_one():
    found = [new for old, new in made() if old.startswith('{"sum"')]
    assert len(found) == 2
    assert sum("low" in new.partition(":")[0] for new in found) == 1


def test_neither_annotations_nor_decorators_imports_errors_and_words_are_changed():
    for old, _ in made():
        assert old not in ("list[int]", "2", '"float"', "path", "counts[0] + 1")
        assert "A file" not in old


def test_each_is_python_with_one_change():
    for one in mutants.mutants_of("weigh.py", TEXT):
        assert ast.dump(ast.parse(one.text)) != ast.dump(ast.parse(TEXT))
        assert one.text.splitlines()[: one.line - 1] == TEXT.splitlines()[: one.line - 1]


def test_a_file_is_tried_by_its_own_tests_first_then_its_rooms():
    found = mutants.tests_of("benchmark/metrics/long_tail.py", mutants.ROOT)
    assert found[0] == "tests/benchmark/metrics/test_long_tail.py"
    assert "tests/benchmark/metrics/test_one_class.py" in found


def test_the_sample_is_the_same_again_and_every_target_is_there():
    one, again = (mutants.sample("metrics/", 20, 0) for _ in range(2))
    assert [str(m) for m in one] == [str(m) for m in again]
    assert len(set(one)) == 20
    for glob in mutants.TARGETS:
        assert list(mutants.ROOT.glob(glob)), glob
