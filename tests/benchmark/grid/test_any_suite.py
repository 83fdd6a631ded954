"""A suite with any damage is one clear line, or a suite; never anything else."""

import pytest
from hypothesis import HealthCheck, example, given, settings

from medtail.benchmark.grid.files import load
from medtail.datamodules.core.errors import MedtailError
from tests.damage import damaged

SUITE = """title: tiny  # a note
methods:
  - erm
  - {name: focal, params: {gamma: 2.0}}
data:
  - {name: phantom@natural, params: {count: 300}}
  - phantom@lt100
seeds: [0, 1]
image_size: 28
selection: last
budget: {epochs: 3, batch_size: 64, optimizer: adamw, lr: 0.003, weight_decay: 0.05}
"""
DEEP = "[" * 5000
BOMB = "a: &a [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1 if n else ''}, *a]\n" for n in range(9))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("suites") / "s.yaml"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damaged(SUITE.encode()))
@example(DEEP.encode())
@example(f"methods: {DEEP}".encode())
@example(b"{" * 5000)
@example(BOMB.encode())
@example(b"methods: !!python/object/apply:os.system [ls]")
@example(b"seeds: 0x" + b"f" * 5000)
@example(b"seeds: [" + b"9" * 5000 + b"]")
@example(b"a: &a [*a]")
@example(b"methods: &a [{name: erm, params: {x: *a}}]\ndata: [phantom@natural]\nseeds: [0]")
@example(b"title: \x00")
@example(b"title: 2001-99-99")
@example(b"? [a, b]\n: c")
@example(b"? {a: b}\n: c")
@example(b"<<: [a]\n")
@example(b"\xff\xfe")
def test_a_damaged_suite_is_one_line_or_a_suite(place, content):
    place.write_bytes(content)
    try:
        said = len(list(load(str(place)).cells()))
    except MedtailError as error:
        said = str(error)
    assert said != ""
    assert "\n" not in str(said)


def test_an_unharmed_one_is_read(place):
    place.write_text(SUITE)
    assert len(list(load(str(place)).cells())) == 8
