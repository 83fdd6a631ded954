"""``--set``: what it reaches in a suite, and one line for each mistake in it."""

import pytest

from medtail.benchmark.grid.files import load
from medtail.datamodules.core.errors import MedtailError

SUITE = """\
methods: [erm, {name: mixup, params: {alpha: 0.2}}, mixup]
data:
  - phantom@natural
  - name: phantom@lt10
    budget: {epochs: 7}
    augment: none
    seeds: [4]
  - name: phantom@shot1
    methods: [erm, {name: maml, params: {first_order: true}}]
    backbone: conv4
    budget: {lr: 0.5, milestones: [0.5], schedule: step}
seeds: [0, 1]
budget: {epochs: 3, lr: 0.1}
"""


@pytest.fixture
def loaded(tmp_path):
    """Reads the suite with settings -> value of a path in the terms of each table, lines told."""
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE)

    def load_it(*settings):
        told = []
        return list(load(str(path), settings, told.append).cells()), told

    return load_it


def of(cells, *path):
    """data -> a value of its terms."""
    found = {}
    for cell in cells:
        value = cell.terms
        for part in path:
            value = getattr(value, part)
        found[cell.terms.data.partition("@")[2]] = value
    return found


def test_it_reaches_what_a_table_has_of_its_own_and_says_so(loaded):
    cells, told = loaded("budget.epochs=5")
    assert of(cells, "budget", "epochs") == {"natural": 5, "lt10": 5, "shot1": 5}
    assert of(cells, "budget", "lr")["shot1"] == 0.5
    assert told == ["--set budget.epochs=5: also for phantom@lt10 (which had 7)"]


def test_a_setting_that_no_table_has_of_its_own_says_nothing(loaded):
    cells, told = loaded("selection=last", "budget.warmup=0.1", "budget.lr=0.2")
    assert told == ["--set budget.lr=0.2: also for phantom@shot1 (which had 0.5)"]
    assert set(of(cells, "selection").values()) == {"last"}
    assert loaded("budget.lr=0.5")[1] == []  # it had that value itself


def test_a_mapping_is_merged(loaded):
    cells, told = loaded("budget={epochs: 5}")
    assert of(cells, "budget", "epochs") == {"natural": 5, "lt10": 5, "shot1": 5}
    assert of(cells, "budget", "lr") == {"natural": 0.1, "lt10": 0.1, "shot1": 0.5}
    assert told == ["--set budget={epochs: 5}: also for phantom@lt10 (which had epochs 7)"]
    assert {c.id for c in cells} == {c.id for c in loaded("budget.epochs=5")[0]}


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("augment=standard", ("augment",), "standard"),
        ("backbone=resnet18", ("backbone",), "resnet18"),
        ("normalisation=half", ("normalisation",), "half"),
        ("budget={schedule: constant, milestones: []}", ("budget", "schedule"), "constant"),
        ("image_size=16", ("image_size",), (16, 16)),
    ],
)
def test_it_reaches_every_term_of_every_table(loaded, setting, path, value):
    cells, _ = loaded(setting)
    assert set(of(cells, *path).values()) == {value}


def test_lists_are_replaced_in_every_table(loaded):
    cells, told = loaded("seeds=[9]")
    assert {c.seed for c in cells} == {9}
    assert told == ["--set seeds=[9]: also for phantom@lt10 (which had its own)"]
    cells, told = loaded("methods=[focal]")
    assert {c.method for c in cells} == {"focal"}
    assert told == ["--set methods=[focal]: also for phantom@shot1 (which had its own)"]


@pytest.mark.parametrize("key", ["data.phantom@lt10", "data.1"])
def test_an_entry_is_addressed_by_name_or_number(loaded, key):
    cells, told = loaded(f"{key}.budget.epochs=5", f"{key}.rounds=2")
    assert of(cells, "budget", "epochs") == {"natural": 3, "lt10": 5, "shot1": 3}
    assert of(cells, "rounds") == {"natural": 10, "lt10": 2, "shot1": 10}
    assert told == []


def test_an_entry_that_is_a_bare_name_gets_parts(loaded):
    for key in ("data.phantom", "data.phantom@natural", "data.0"):
        cells, _ = loaded(f"{key}.budget.epochs=5")
        assert of(cells, "budget", "epochs") == {"natural": 5, "lt10": 7, "shot1": 3}


def rows(cells):
    return {(c.terms.data.partition("@")[2], c.row) for c in cells}


def test_methods_are_addressed_in_the_suite_and_in_tables(loaded):
    cells, told = loaded("methods.maml.params.first_order=false", "methods.2.params.alpha=0.5")
    assert ("shot1", "maml") in rows(cells)
    assert {row for data, row in rows(cells) if data == "lt10"} == {
        "erm",
        "mixup(alpha=0.2)",
        "mixup(alpha=0.5)",
    }
    assert told == [
        "--set methods.maml.params.first_order=false: also for phantom@shot1 (which had its own)"
    ]
    cells, _ = loaded("data.phantom@shot1.methods.maml.params={inner_lr: 0.1}")
    assert ("shot1", "maml(first_order=True, inner_lr=0.1)") in rows(cells)


def test_the_last_setting_counts(loaded):
    one, all_of_them = "data.phantom@lt10.budget.epochs=5", "budget.epochs=4"
    assert of(loaded(one, all_of_them)[0], "budget", "epochs")["lt10"] == 4
    assert of(loaded(all_of_them, one)[0], "budget", "epochs")["lt10"] == 5


def test_null_is_the_suites_value_again(loaded):
    cells, _ = loaded("data.phantom@lt10.budget=null", "data.phantom@lt10.seeds=null")
    assert of(cells, "budget", "epochs")["lt10"] == 3
    assert {c.seed for c in cells if c.terms.data == "phantom@lt10"} == {0, 1}


def test_names_stay_text_and_floats_need_no_point(loaded):
    cells, _ = loaded("budget.lr=1e-3", "data=[phantom@lt10]")
    assert of(cells, "budget", "lr") == {"lt10": 1e-3}
    suite = load("quick", ("title=no", "methods.ldam.params={scale: 3e1}"))
    assert suite.title == "no"
    params = next(m.params for m in suite.methods if m.name == "ldam")
    assert params == {"scale": 30.0}
    assert isinstance(params["scale"], float)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("budget.epochs", "write key=value, such as budget.epochs=3"),
        ("budget..epochs=3", "write key=value"),
        ("budget.epochs=", "no value; write budget.epochs=VALUE"),
        ("budget={", "the value is not YAML: expected"),
        ("budget={epochs: 3, epochs: 4}", "the value is not YAML: 'epochs' stands twice"),
        ("budget={}", "an empty mapping changes nothing"),
        ("budget.epoch=5", "unknown key; did you mean epochs?"),
        ("budget={epoch: 3}", "budget.epoch: unknown key; did you mean epochs?"),
        ("bugdet.epochs=3", "bugdet: unknown key; did you mean budget?"),
        ("nonsense=3", "unknown key; known: title, methods, data"),
        ("data.phantom@lt10.bugdet.epochs=3", "data.1.bugdet: unknown key; did you mean budget?"),
        ("seeds.x=3", "no 'x' in the list seeds: they have numbers, 0 to 1"),
        ("methods.tau=3", "no 'tau' in the list methods: there are erm, mixup"),
        ("methods.mxiup.params.alpha=3", "no 'mxiup' in the list methods: did you mean mixup?"),
        ("methods.mixup.params.alpha=3", "'mixup' stands 2 times in methods: write methods.1 or"),
        ("data.phantom@lt1.seeds=[0]", "no 'phantom@lt1' in the list data: did you mean"),
        ("data.phantom@lt10.methods.erm.params={a: 1}", "there is no list data.1.methods"),
        ("budget.epochs.x=3", "'data.1.budget.epochs' is 7 and has no parts"),
        ("augment=symetries", "did you mean symmetries?"),
        ("normalisation=haf", "did you mean half?"),
        ("normalisation={mean: [0.5]}", "normalisation.std: required"),
        ("normalisation={mean: [127], std: [3]}", "divide what is of 0 to 255 by 255"),
        ("image_size=big", "write a number of pixels, or [height, width]"),
        ("seeds=0", "write a list: [0]"),
        ("seeds=[]", "the list is empty"),
        ("seeds=[0,0]", "a seed stands twice"),
        ("seeds=[true]", "a number or a name is wanted, not true"),
        ("budget.epochs=yes", "a number or a name is wanted, not true"),
        ("budget.epochs=-3", "Input should be greater than 0"),
        ("budget.epochs=many", "valid integer"),
        ("budget=null", "write a mapping"),
        ("methods=erm", "write a list: [erm]"),
        ("methods=[erm,erm]", "methods.1: the method erm stands twice"),
        ("methods=[{name: erm, parms: {}}]", "methods.0.parms: unknown key; did you mean params?"),
        ("budget.schedule=step", "budget: schedule 'step' needs milestones"),
        ("budget.milestones=[50]", "between 0 and 1"),
        ("data.phantom@shot1.budget.schedule=cosine", "milestones goes with schedule 'step'"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_setting(loaded, setting, words):
    with pytest.raises(MedtailError) as caught:
        loaded("rounds=3", setting, "acquire=5")
    assert str(caught.value).startswith(f"--set {setting}: ")
    assert words in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("methods.0.params.alpha=1", "unknown parameter of erm 'alpha'"),
        ("methods.0.params.backbone=conv4", "erm: backbone is a term of a table"),
        ("data.0.params.augment=none", "phantom@natural: augment is a term of a table"),
        (
            "data.0.params.batch_size=8",
            "batch_size is a term of a table, no argument: write it into",
        ),
        ("data.0.params.image_size=3", "unknown argument of phantom 'image_size'"),
        ("methods=[emr]", "unknown method 'emr': did you mean erm"),
    ],
)
def test_a_parameter_that_is_none_is_said_before_anything_runs(loaded, setting, words):
    with pytest.raises(MedtailError) as caught:
        loaded(setting)
    assert words in str(caught.value)


def test_a_mistake_of_the_file_is_no_mistake_of_a_setting(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE.replace("augment: none", "augment: nothing"))
    with pytest.raises(MedtailError, match=r"mine\.yaml, line 6, data\.1\.augment: 'nothing' is"):
        load(str(path), ("budget.epochs=3",))
    load(str(path), ("augment=none",))


def test_a_value_of_the_suite_itself_has_no_parts():
    for setting, where in (("title.x=1", "title"), ("budget.lr.x=1", "budget.lr")):
        with pytest.raises(MedtailError, match=rf"'{where}' is .* and has no parts"):
            load("quick", (setting,))
