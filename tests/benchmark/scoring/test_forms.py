"""Probabilities or logits: by the digits that a file has, not by a fixed tolerance."""

import numpy as np
import pytest

from medtail.benchmark.scoring.forms import logits_of, tolerance
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.tables import IDS, LOGITS, RNG, SHARES


def form_of(cells, **changes):
    """Of rows of text."""
    columns = [list(column) for column in zip(*cells, strict=True)]
    table = np.array(cells, dtype=np.float64)
    names = [f"s{n}" for n in range(len(cells))]
    return logits_of("a.csv", columns, table, None, names, **changes)[1]


@pytest.mark.parametrize(
    ("row", "form"),
    [
        ((".33", ".33", ".33"), "probabilities"),
        (("0.33", "0.33", "0.33"), "probabilities"),
        (("0.330", "0.330", "0.330"), "logits"),
        (("0.330000", "0.330000", "0.330000"), "logits"),
        (("0.333000", "0.333000", "0.333000"), "logits"),
        (("0.333333", "0.333333", "0.333333"), "probabilities"),
        (("0.3", "0.3", "0.3"), "probabilities"),
        (("0.3", "0.3", "0.2"), "logits"),
        (("0.98", "0.004", "1.2e-05"), "logits"),
        (("0.995", "0.0045", "1.2e-05"), "probabilities"),
        (("1", "0", "0"), "probabilities"),
        (("1", "1", "0"), "logits"),
        (("0", "0", "0"), "logits"),
        (("1.0000001", "0", "0"), "probabilities"),
        (("-0.2", "0.6", "0.6"), "logits"),
    ],
)
def test_the_sum_must_be_one_as_far_as_the_digits_tell(row, form):
    assert form_of([row, row]) == form


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("classes", [2, 7, 30])
def test_probabilities_of_any_digits_are_read_as_some(digits, classes):
    shares = RNG.dirichlet(np.full(classes, 0.5), 500)
    fixed = [[f"{v:.{digits}f}" for v in row] for row in shares]
    assert form_of(fixed) == "probabilities"
    significant = [[f"{v:.{digits}g}" for v in row] for row in shares]
    assert form_of(significant) == "probabilities"
    # Off by far more than rounding leaves.
    off = [[f"{0.9 * v:.{digits}f}" for v in row] for row in shares]
    if classes * 10.0**-digits < 0.1:
        assert form_of(off) == "logits"


@pytest.mark.parametrize("kind", ["half", "half printed", "brain", "single"])
def test_a_softmax_in_a_narrow_float_is_a_softmax(kind):
    shares = SHARES.astype(np.float32)
    if kind == "brain":
        found = (shares.view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32).astype(np.float64)
    elif kind == "single":
        found = shares.astype(np.float64)
    else:
        found = shares.astype(np.float16).astype(np.float64)
    text = [[str(np.float16(v) if kind == "half printed" else v) for v in row] for row in found]
    assert abs(np.array(text, np.float64).sum(1) - 1).max() > 1e-9
    assert form_of(text) == "probabilities"


def test_the_tolerance_is_half_of_the_last_digits():
    cells = [["0.33"], ["0.33"], ["0.34"]]
    assert tolerance(cells, np.array([[0.33, 0.33, 0.34]]))[0] == pytest.approx(0.015, abs=2e-5)
    cells = [["0.330001"], ["0.33"], ["0.34"]]
    found = tolerance(cells, np.array([[0.330001, 0.33, 0.34]]))[0]
    assert found == pytest.approx(1.5e-6, abs=2e-5)


def test_percent_is_refused_in_one_line():
    rows = [[f"{100 * v:.1f}" for v in row] for row in SHARES]
    with pytest.raises(MedtailError, match=r"60 rows sum to 100, the first is of 's0' \("):
        form_of(rows)
    single = [[row[0]] for row in rows]
    with pytest.raises(MedtailError, match="60 rows lie between 0 and 100, the first is of"):
        form_of(single)
    assert form_of(single, ranked=True) == "logits"  # the order of one score is all that counts
    assert form_of([[str(v) for v in row] for row in LOGITS]) == "logits"


def test_names_of_the_message_are_those_of_the_rows():
    cells = [[f"{v}" for v in column] for column in SHARES.T]
    table = SHARES.copy()
    table[7] *= 3
    with pytest.raises(MedtailError, match=f"1 rows are none, the first is of '{IDS[7]}'"):
        logits_of("a.csv", cells, table, None, IDS)
