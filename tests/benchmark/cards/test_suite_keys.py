"""docs/suites.md says what the types say, and its examples are suites."""

import re
import shlex
from typing import Literal

import pytest
from pydantic import Field

from medtail.benchmark.cards import suite_keys
from medtail.benchmark.cards.suite_keys import MODELS, filled, table
from medtail.benchmark.grid.cell import Budget, Frozen
from medtail.benchmark.grid.files import load
from tests import ROOT

PAGE = (ROOT / "docs/suites.md").read_text()


def test_the_page_is_what_the_types_say():
    assert filled(PAGE) == PAGE, "python -m medtail.benchmark.cards.suite_keys docs/suites.md"
    assert set(re.findall(r"<!-- keys of (\w+) -->", PAGE)) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_key_has_a_line_with_type_default_and_meaning(name):
    model = MODELS[name]
    rows = [line.strip("| ").split(" | ") for line in table(model).splitlines()[2:]]
    assert [row[0] for row in rows] == [f"`{key}`" for key in model.model_fields]
    assert all(len(row) == 4 and all(cell.strip() for cell in row) for row in rows), rows


def test_a_table_follows_its_type(monkeypatch):
    class Other(Budget):
        """Another.

        Attributes:
            epochs: of days.
            patience: how long.
        """

        epochs: int = Field(7, ge=2, le=9)
        patience: Literal["long", "short"] = "long"

    told = table(Other)
    assert "| `epochs` | whole number from 2, up to 9 | `7` | of days. |" in told
    assert "| `patience` | `long` or `short` | `long` | how long. |" in told
    monkeypatch.setitem(suite_keys.MODELS, "budget", Other)
    assert filled(PAGE) != PAGE


def test_a_key_without_a_meaning_is_no_line():
    class Silent(Frozen):
        """Nothing."""

        key: int = 3

    with pytest.raises(KeyError):
        table(Silent)


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S))
def test_every_example_is_a_suite(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    assert list(load(str(tmp_path / "mine.yaml")).cells())


WRITTEN = re.findall(r"^\| `--set (.+?)` \|", PAGE, re.M)


@pytest.mark.parametrize("written", WRITTEN)
def test_every_setting_of_the_page_is_one_of_quick(written):
    (setting,) = shlex.split(written)
    assert {c.id for c in load("quick", [setting]).cells()} != {c.id for c in load("quick").cells()}


def test_what_the_page_says_is_printed():
    assert len(WRITTEN) >= 8
    told = []
    load("quick", ["budget.epochs=5"], told.append)
    assert told
    assert told[0] in PAGE
