"""Suites: the grid, identities, filters, and one clear line for each mistake."""

from pathlib import Path

import pytest

from medtail import datamodules
from medtail.benchmark.cli import options
from medtail.benchmark.grid import files
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.grid.files import find, load, suite_names
from medtail.benchmark.grid.filters import select
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting.regimes import track
from tests.twins import write_csv

GOOD = """\
title: two by two
methods: [erm, {name: mixup, params: {alpha: 0.2}}]
data:
  - phantom@natural
  - name: phantom@lt10
    budget: {epochs: 7}
seeds: [0, 1]
budget: {epochs: 3}
"""


@pytest.fixture
def suite_file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_every_suite_of_ours_gives_distinct_cells():
    assert {"quick", "isic2018"} <= set(suite_names())
    for name in suite_names():
        cells = list(load(name).cells())
        assert len({c.id for c in cells}) == len(cells) > 0


def test_suites_are_listed_by_name_whatever_the_disk_says(monkeypatch):
    listed = Path.glob
    monkeypatch.setattr(Path, "glob", lambda *words: reversed(sorted(listed(*words))))
    assert files.suite_names() == sorted(files.suite_names())


def test_sources_are_trained_with_what_is_true_to_their_images():
    for cell in load("sources-frozen").cells():
        name = DataName.parse(cell.terms.data)
        data = datamodules.build(str(name), 96, **cell.terms.data_params)
        assert cell.terms.augment == data.faithful, name


def test_leaks_differ_from_the_honest_tables_by_the_split_alone():
    def terms(suite):
        return {
            (cell.method, str(cell.params), cell.seed, cell.terms.data): cell.terms
            for cell in load(suite).cells()
        }

    honest, leaky = terms("sources-frozen"), terms("leaks")
    for (method, params, seed, data), under in leaky.items():
        source = data.replace("+leaky_image", "")
        assert source != data
        assert under.model_copy(update={"data": source}) == honest[method, params, seed, source]


def test_the_default_suite_shows_the_project():
    suite = load(options.SUITE)
    rows: dict[str, set[str]] = {}
    for cell in suite.cells():
        rows.setdefault(track(DataName.parse(cell.terms.data).regime), set()).add(cell.method)
    papers = {"proco", "metric_two_stage", "daml", "middle_class_occ", "clinical"}
    assert set(rows) == {"long_tail", "few_shot", "one_class", "active"}
    assert papers <= set.union(*rows.values())
    assert all(methods & papers and len(methods - papers) >= 2 for methods in rows.values())
    assert len(suite.seeds) >= 2
    assert {cell.terms.data.partition("@")[0] for cell in suite.cells()} == {"phantom"}


def test_quick_has_at_least_eight_methods_and_two_seeds():
    suite = load("quick")
    assert len(suite.methods) >= 8
    assert len(suite.seeds) >= 2


def test_grid_is_methods_by_data_by_seeds(suite_file):
    cells = list(load(suite_file(GOOD)).cells())
    assert len(cells) == 2 * 2 * 2
    assert {c.row for c in cells} == {"erm", "mixup(alpha=0.2)"}
    assert {(c.terms.data, c.terms.budget.epochs) for c in cells} == {
        ("phantom@natural", 3),
        ("phantom@lt10", 7),
    }


def test_a_changed_setting_is_a_new_cell_and_the_same_setting_is_not(suite_file):
    path = suite_file(GOOD)
    same = {c.id for c in load(path).cells()}
    assert same == {c.id for c in load(path).cells()}
    for change in ("budget.lr=0.01", "image_size=32", "backbone=resnet18", "selection=last"):
        assert not same & {c.id for c in load(path, (change,)).cells()}, change


def test_identity_ignores_the_order_of_parameters():
    terms = Terms(data="phantom@natural")
    first = Cell(method="remix", params={"kappa": 3, "tau": 0.5}, terms=terms)
    second = Cell(method="remix", params={"tau": 0.5, "kappa": 3}, terms=terms)
    assert first.id == second.id


def test_identity_survives_json():
    cell = Cell(method="erm", seed=3, terms=Terms(data="phantom@lt10", budget=Budget(lr=0.003)))
    assert Cell.model_validate_json(cell.model_dump_json()).id == cell.id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("methods: [erm\ndata: [phantom]\n", ["mine.yaml, line 2", "not YAML"]),
        ("methods: [erm]\n", ["mine.yaml", "data", "required"]),
        ("just words\n", ["mine.yaml, line 1", "mapping"]),
        (GOOD.replace("seeds", "seedz"), ["line 7", "seedz", "did you mean seeds?"]),
        (GOOD.replace("{epochs: 3}", "{epoch: 3}"), ["line 8", "budget.epoch", "epochs"]),
        (
            GOOD.replace("{epochs: 3}", "{epochs: -3}"),
            ["line 8", "budget.epochs", "greater than 0"],
        ),
        (GOOD.replace("[0, 1]", "[0, -1]"), ["line 7", "seed -1", "whole number"]),
        (GOOD.replace("[0, 1]", "[0, 0]"), ["line 7", "twice"]),
        (GOOD.replace("[0, 1]", "[zero]"), ["line 7", "seeds", "integer"]),
        (GOOD.replace("[erm,", "[emr,"), ["unknown method 'emr'", "did you mean erm"]),
        (GOOD.replace("phantom@lt10", "fantom@lt10"), ["unknown dataset", "phantom"]),
        (GOOD.replace("phantom@lt10", "phantom lt10"), ["no name of data"]),
        (GOOD.replace("phantom@lt10", "phantom+odd@lt10"), ["variant", "odd"]),
    ],
)
def test_mistakes_are_one_clear_line(suite_file, text, words):
    with pytest.raises(MedtailError) as caught:
        list(load(suite_file(text)).cells())
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_unknown_suites_and_files():
    with pytest.raises(MedtailError, match="did you mean quick"):
        find("quik")
    with pytest.raises(MedtailError, match="no suite file"):
        find("nowhere/mine.yaml")


@pytest.mark.parametrize("assignment", ["budget.epochs", "=3", "title.part=3"])
def test_bad_overrides(suite_file, assignment):
    with pytest.raises(MedtailError, match="--set"):
        load(suite_file(GOOD), (assignment,))


def test_a_mistake_elsewhere_is_of_the_setting_that_made_it_and_of_the_file_that_had_it(suite_file):
    for settings in (("methods=[]",), ("title=x", "methods=[]"), ("methods=[]", "title=x")):
        with pytest.raises(MedtailError, match=r"^--set methods=\[\]: data\.0: no methods for"):
            load(suite_file(GOOD), settings)
    with pytest.raises(MedtailError, match=r"^(?!--set).*: no methods for"):
        load(suite_file("data: [phantom]\n"), ("title=x",))


def test_two_tables_of_one_name_in_two_folders_are_refused(suite_file, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / "t.csv", ("image", "label"), [("1.png", "x"), ("2.png", "y")])
    entries = "".join(
        f"  - {{name: image_table@{regime}, params: {{file: {tmp_path / name / 't.csv'}}}}}\n"
        for name, regime in (("a", "natural"), ("b", "natural"))
    )
    with pytest.raises(MedtailError, match="two files of one name"):
        list(load(suite_file(f"methods: [erm]\ndata:\n{entries}")).cells())


def test_filters(suite_file):
    cells = list(load(suite_file(GOOD)).cells())
    assert {c.method for c in select(cells, method="mix*")} == {"mixup"}
    assert {c.terms.data for c in select(cells, data="phantom@lt10")} == {"phantom@lt10"}
    assert len(select(cells, data="phantom")) == 8
    assert {c.seed for c in select(cells, seed="1")} == {1}
    assert len(select(cells, method="erm,mixup", data="*natural", seed="0,1")) == 4


def test_a_filter_that_matches_nothing_says_what_there_is(suite_file):
    cells = list(load(suite_file(GOOD)).cells())
    with pytest.raises(MedtailError, match=r"--method focal.*erm, mixup"):
        select(cells, method="focal")
    with pytest.raises(MedtailError, match=r"--seed 7.*0, 1"):
        select(cells, seed="7")
    for nothing in (",", " ", " , "):  # as of variables of a shell that are not set
        with pytest.raises(MedtailError, match=r"--data .* names nothing; it has phantom"):
            select(cells, data=nothing)


def test_parameters_are_resolved(suite_file):
    """A default that is written, or not, is the same cell; another value is another row."""
    given = "methods: [focal, {name: focal, params: {gamma: 3.0}}]\ndata: [phantom]\n"
    first, second = load(suite_file(given)).cells()
    assert first.params == {"gamma": 2.0}
    assert (first.row, second.row) == ("focal", "focal(gamma=3.0)")
    assert first.terms.data_params == {"count": 3000, "draw_seed": 0}
    written = "methods: [{name: focal, params: {gamma: 2.0}}]\ndata: [phantom]\n"
    assert next(load(suite_file(written)).cells()).id == first.id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("methods: [erm, erm]\ndata: [phantom]\n", ["method erm stands twice"]),
        ("methods: [erm]\ndata: [phantom, phantom@natural]\n", ["phantom@natural stands twice"]),
        ("methods: [erm]\ndata: [{name: phantom, budget: {epochz: 3}}]\n", ["epochz"]),
        ("methods: [erm]\ndata: [phantom]\nimage_size: 0\n", ["line 3", "image_size"]),
        ("methods: [erm]\ndata: [{name: phantom, params: {size: 3}}]\n", ["'size'", "phantom"]),
        ("methods: [erm]\ndata: [phantom]\ntitle: \x07\n", ["no readable YAML"]),
    ],
)
def test_more_mistakes_are_one_clear_line(suite_file, text, words):
    with pytest.raises(MedtailError) as caught:
        list(load(suite_file(text)).cells())
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_files_that_are_no_text(suite_file, tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("methods: [erm] # gr\xf6\xdfer".encode("latin-1"))
    with pytest.raises(MedtailError, match=r"latin\.yaml: no readable YAML in UTF-8"):
        load(str(path))


def test_a_data_entry_has_methods_and_terms_of_its_own(suite_file):
    text = """
methods: [erm, focal]
data:
  - phantom
  - name: phantom@shot1
    methods: [{name: erm}, crt]
    seeds: [4, 5]
    backbone: resnet18
    selection: last
    test_episodes: 7
    budget: {epochs: 3}
seeds: [0]
rounds: 2
"""
    cells = list(load(suite_file(text)).cells())
    first = [c for c in cells if c.terms.data == "phantom@natural"]
    other = [c for c in cells if c.terms.data == "phantom@shot1"]
    assert [(c.method, c.seed) for c in first] == [("erm", 0), ("focal", 0)]
    assert [(c.method, c.seed) for c in other] == [("erm", 4), ("erm", 5), ("crt", 4), ("crt", 5)]
    assert {c.terms.backbone for c in first} == {"test_resnet"}
    terms = other[0].terms
    assert (terms.backbone, terms.selection, terms.test_episodes) == ("resnet18", "last", 7)
    assert (terms.budget.epochs, first[0].terms.budget.epochs) == (3, 15)
    assert {c.terms.rounds for c in cells} == {2}


def test_data_without_methods_is_a_mistake(suite_file):
    with pytest.raises(MedtailError, match="no methods for phantom"):
        load(suite_file("data: [phantom]\n"))


def test_no_suite_scores_an_epoch_of_damls_warm_up():
    """Until the difficulty-aware loss sets in DAML is MAML; the best epoch may lie before it."""
    cells = [c for name in suite_names() for c in load(name).cells()]
    selections = {cell.terms.selection for cell in cells if cell.method == "daml"}
    assert selections == {"last"}
