"""``medtail decisions``: pages from evidence alone, rows that are shown, every mistake a line."""

import os
import re

import pytest
from matplotlib.image import imread

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.decisions import material, report
from medtail.benchmark.decisions.temperature import fitted
from medtail.benchmark.evidence import samples
from medtail.benchmark.evidence.record import Content
from medtail.benchmark.evidence.samples import Samples
from medtail.datamodules.core.errors import MedtailError
from tests import commands
from tests.benchmark.decisions.made import board
from tests.boards import TERMS, active, done, few_shot, one_class, rows

COSTS = "truth,mel,nv,df\nmel,0,9,5\nnv,2,0,1\ndf,3,1,0\n"


def page(root, out, costs=None, **options):
    (table,) = material.gather(root, "fake@natural", **options)
    files = report.save(out, [(table, list(report.topics(table, costs)))])
    return files[0].read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("boards")
    board(root)
    (root / "costs.csv").write_text(COSTS)
    return root


@pytest.fixture(scope="module")
def text(made):
    return page(made, made / "out", made / "costs.csv")


def test_a_page_has_every_topic_and_its_pictures(made, text):
    heads = re.findall(r"^## (.*)$", text, re.M)
    assert heads == [
        "Expected cost",
        "Calibration",
        "Specificity at a sensitivity, critical classes",
        "Other class priors of the test",
        "Risk against coverage",
        "Subgroups",
    ]
    for name in re.findall(r"!\[.*\]\((.*)\)", text):
        picture = imread(made / "out" / name)
        assert picture.std() > 0.05
    assert len(list((made / "out").glob("*.png"))) == 2
    assert not re.search(r"\bnan\b", text)


def test_it_is_the_same_every_time(made, text):
    assert page(made, made / "again", made / "costs.csv") == text
    for first in (made / "out").iterdir():
        assert (made / "again" / first.name).read_bytes() == first.read_bytes()


def test_what_is_shown_changes_no_number(made, text):
    some = page(made, made / "some", made / "costs.csv", method="ld*")
    assert "`erm`" not in some
    for title in ("Mean cost of", "**Class-wise error**", "### mel", "### Uniform", "**AURC**"):
        mine = next(line for line in rows(some, title) if line[0] == "`ldam`")
        assert mine in rows(text, title)


def test_critical_classes_and_all_of_them(text):
    titles = re.findall(r"^### (.*validation images)$", text, re.M)
    assert [t.split(":")[0] for t in titles] == ["mel", "df", "any of mel, df"]
    head, first, second = rows(text, "### any of")
    assert head[3] == "Specificity at 95 %<br>(95 % interval)"
    means = [float(line[3].split()[0]) for line in (first, second)]
    assert means[0] >= means[1]


def test_subgroups_of_the_file_alone(text):
    lines = rows(text, "### By sex")
    assert lines[0][:2] == ["Class, subgroup", "Test images"]
    assert {line[0].split(", ")[1] for line in lines[1:]} == {"female", "male"}
    assert all(int(line[1]) >= 20 for line in lines[1:])
    assert "sex of 193 of 580 test images is not known" in text.casefold()


def test_the_cheapest_stands_first_and_costs_are_told(text):
    table = rows(text, "Mean cost of")
    costs = [float(line[2]) for line in table[1:]]
    assert costs == sorted(costs)
    assert rows(text, "### Costs")[1] == ["mel", "0", "9", "5"]


def test_without_validation_samples_and_costs_it_says_so(tmp_path):
    board(tmp_path, held=False, traits=False)
    text = page(tmp_path, tmp_path / "out")
    assert "No class of this board is said to be critical" in text
    assert "Nothing is known of the age, sex or site" in text
    assert "`--costs FILE.csv` adds" in text
    line = rows(text, "**Class-wise error**")[1]
    assert line[1] == line[-1] == "n/a"
    assert "→" not in " ".join(line)
    assert rows(text, "### Uniform")[1][3] == "n/a"
    samples.keep(tmp_path, "fake", Samples((), {}, ("mel",)))
    (tmp_path / "c.csv").write_text(COSTS)
    text = page(tmp_path, tmp_path / "out", tmp_path / "c.csv")
    assert "No row has predictions of validation" in text
    line = rows(text, "Mean cost of")[1]
    assert (line[1], line[2], line[6]) == ("-", "n/a", "n/a")
    assert float(line[4]) > 0


@pytest.mark.parametrize(
    ("record", "slug"),
    [(few_shot, "fake@shot5"), (one_class, "fake@oneclass"), (active, "fake@active")],
)
def test_other_tracks_are_told_what_it_is_for(tmp_path, record, slug):
    leaderboard.publish(tmp_path, [record()])
    with pytest.raises(MedtailError) as caught:
        material.gather(tmp_path, slug)
    assert "Decisions are asked of long-tail boards, such as fake@natural" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ("fake@naturel", {}, "did you mean fake@natural?"),
        ("fake@natural", {"method": "erm,lda"}, "unknown row of fake@natural 'lda'"),
        ("no name", {}, "is no name of data"),
    ],
)
def test_a_mistake_is_one_line(made, data, options, words):
    with pytest.raises(MedtailError) as caught:
        material.gather(made, data, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_without_predictions_are_counted(tmp_path):
    finished, held = board(tmp_path)
    lost, kept = finished[0][0], [f for f in finished if f[0].cell.method == "ldam"]
    (tmp_path / "predictions" / "fake@natural.parquet").unlink()
    with pytest.raises(MedtailError, match="has none of its cells"):
        material.gather(tmp_path, "fake@natural")
    leaderboard.publish(tmp_path, kept, held)
    assert lost.cell.method == "erm"
    assert "1 of its rows have no predictions here" in page(tmp_path, tmp_path / "out")


def test_every_long_tail_board_names_the_command(tmp_path):
    board(tmp_path)
    leaderboard.publish(tmp_path, [one_class()])
    leaderboard.render(tmp_path)
    assert "`medtail decisions fake@natural`" in (tmp_path / "fake@natural.md").read_text()
    assert "medtail decisions" not in (tmp_path / "fake@oneclass.md").read_text()


def test_a_table_of_draws_has_no_test_to_decide_on(tmp_path):
    board(tmp_path)
    told = material.gather(tmp_path, "fake@natural")
    terms = TERMS.model_copy(update={"draws": 2})
    facts = {"pixels": "p", "method": "m", "shared": "s", "recipe": "r", "samples": "all"}
    drawn = [
        done(
            *("erm", s, terms.model_copy(update={"draw": s})),
            lists=f"list {s}",
            content=Content(data=f"split {s}", test_share=0.2, **facts),
        )
        for s in (0, 1)
    ]
    leaderboard.publish(tmp_path, drawn)
    again = material.gather(tmp_path, "fake@natural")
    assert [m.section.terms for m in again] == [m.section.terms for m in told]
    leaderboard.publish(tmp_path / "alone", drawn)
    with pytest.raises(MedtailError, match="every seed has a split of its own"):
        material.gather(tmp_path / "alone", "fake@natural")


def test_the_command(made):
    words = ["decisions", "fake@natural", "--leaderboards", str(made), "--costs", "no.csv"]
    environment = {**os.environ, "COLUMNS": "80"}
    done = commands.run(*words, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("medtail: --costs no.csv")
    assert done.stderr.count("\n") == 1
    words[-1] = str(made / "costs.csv")
    words += ["--out", str(made / "told"), "--method", "erm"]
    done = commands.run(*words, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Specificity at a sensitivity" in done.stdout
    assert "ldam" not in done.stdout
    assert "fake@natural.md: written" in done.stdout.replace("\n", "")
    assert max(map(len, done.stdout.splitlines()[:-3])) <= 80


def test_classes_with_the_letters_of_markdown(tmp_path):
    finished, held = board(tmp_path)
    names = ("a|b", "*c*", "<d>")
    renamed = [(r.model_copy(update={"class_names": names}), p) for r, p in finished]
    leaderboard.publish(tmp_path, renamed, held)
    samples.keep(tmp_path, "fake", Samples((), {}, names[:1]))
    text = page(tmp_path, tmp_path / "out")
    assert r"### a\|b: " in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1, table
    assert r"\*c\*" in text


def test_temperatures_come_of_validation(tmp_path):
    finished, held = board(tmp_path)
    line = next(r for r in rows(page(tmp_path, tmp_path / "out"), "**Class-wise") if "ldam" in r[0])
    mine = [(held[r.cell_id], test) for r, test in finished if r.cell.method == "ldam"]
    of_held, of_test = (sum(fitted(pair[k]) for pair in mine) / len(mine) for k in (0, 1))
    assert line[1] == f"{of_held:.2f}" != f"{of_test:.2f}"


def test_rows_are_chosen_by_their_name_or_their_method(tmp_path):
    finished, _ = board(tmp_path, ("erm",))
    for place, alpha in enumerate((0.2, 1.0)):
        record, test = finished[place]
        cell = record.cell.model_copy(update={"params": {"alpha": alpha}, "seed": 0})
        finished[place] = record.model_copy(update={"cell": cell, "cell_id": cell.id}), test
    leaderboard.publish(tmp_path / "two", finished)

    def shown(method):
        (table,) = material.gather(tmp_path / "two", "fake@natural", method)
        return sorted(table.shown)

    assert shown("erm(alpha=0*") == shown("erm(alpha=0.2)") == ["erm(alpha=0.2)"]
    assert shown("erm") == shown("") == ["erm(alpha=0.2)", "erm(alpha=1.0)"]
