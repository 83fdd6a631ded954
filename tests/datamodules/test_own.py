"""Datasets of one's own among the others: found by name, each its own trouble."""

import subprocess
import sys

import pytest
from rich.console import Console

from medtail import datamodules
from medtail.benchmark.cli import cards, data
from medtail.benchmark.execution import overview
from medtail.benchmark.execution.worker import worker_environment
from medtail.datamodules.core.errors import DataError, MedtailError
from tests.datamodules.core.own.files import dataset, many, table


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with a good dataset, a broken one, one of a taken name and one of no name."""
    place = tmp_path / "data"
    monkeypatch.setenv("MEDTAIL_DATA", str(place))
    table(place / "skin", many(lambda n: f"p{n // 4}"), ("image", "label", "group"))
    dataset(place, {"source": "t.csv", "title": "Skin [B]", "modality": "dermoscopy"})
    for name, text in {
        "broken": "name: broken\nsource: t.csv\nchanels: 3\n",
        "phantom": "name: phantom\nsource: t.csv\n",
        "My Data": "name: My Data\nsource: t.csv\n",
    }.items():
        (place / name).mkdir()
        (place / name / "dataset.yaml").write_text(text)
    return place


def shown(tables):
    console = Console(width=300, record=True)
    for one in tables:
        console.print(one)
    return console.export_text()


def test_it_has_a_name_like_any_other(root):
    module = datamodules.build("skin@lt2", 16)
    module.prepare()
    assert (module.title, module.modality) == ("Skin [B]", "dermoscopy")
    assert module.spec.name == "skin@lt2"
    assert datamodules.defaults("skin") == {}
    assert datamodules.origin("skin") == "skin/dataset.yaml"
    leaky = datamodules.build("skin+leaky_given@natural", 16)
    assert leaky.leaks_allowed


def test_the_root_that_is_asked_for(root, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path))
    with pytest.raises(MedtailError, match="unknown dataset 'skin'"):
        datamodules.build("skin")
    assert datamodules.build("skin", root=root).title == "Skin [B]"
    assert datamodules.build("skin", root=str(root)).title == "Skin [B]"


def test_a_wrong_name_has_near_ones(root):
    with pytest.raises(MedtailError, match="unknown dataset 'skim': did you mean skin"):
        datamodules.build("skim")
    with pytest.raises(MedtailError, match="unknown argument of skin 'window'"):
        datamodules.build("skin", window="p1-p99")


def test_each_is_its_own_trouble(root):
    with pytest.raises(DataError, match=r"^broken/dataset\.yaml, line 3, chanels: .*channels"):
        datamodules.build("broken")
    with pytest.raises(DataError, match=r"^phantom/dataset\.yaml: 'phantom' is a dataset that"):
        datamodules.build("phantom")
    datamodules.build("isic2018")
    assert {n for n in datamodules.registry() if n in datamodules.own()} == {
        "broken", "phantom", "skin",
    }  # fmt: skip
    assert datamodules.registry()["phantom"] is datamodules.written()["phantom"]


def test_lists_show_them_all(root, monkeypatch):
    text = shown(overview.tables())
    assert "Skin [B] (from skin/dataset.yaml)" in text
    assert "line 3, chanels" in text
    assert "'My Data' is no name" in text
    console = Console(width=300, record=True)
    monkeypatch.setattr(data, "console", console)
    data.status()
    lines = console.export_text().splitlines()
    assert any("skin" in line and " 40 " in line and "ready" in line for line in lines)
    assert any("broken" in line and "line 3, chanels" in line for line in lines)
    assert any("My Data" in line and "no name" in line for line in lines)


def test_lists_need_no_torch(root):
    code = (
        "import sys; from medtail.datamodules.core.process import only_reads; only_reads();"
        "from medtail import datamodules;"
        "m = datamodules.build('skin'); print(len(m.load_table()), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["40", "False"]


def test_workers_see_the_same_root(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    monkeypatch.setenv("MEDTAIL_DATA", "data")
    assert worker_environment()["MEDTAIL_DATA"] == str(root)


def test_pages_of_them_are_written_outside_of_checkouts_only(root, tmp_path, capsys):
    names = ("skin", "broken", "isic2018")
    assert [n for n in names if cards._shown(n, tmp_path)] == ["skin", "isic2018"]
    checkout = tmp_path / "checkout"
    (checkout / cards.CHECKOUT).parent.mkdir(parents=True)
    (checkout / cards.CHECKOUT).touch()
    assert [n for n in names if cards._shown(n, checkout / "docs")] == ["isic2018"]
    told = capsys.readouterr().out
    assert "no page: broken/dataset.yaml" in told
    assert "no page of skin, a dataset of your own" in told
