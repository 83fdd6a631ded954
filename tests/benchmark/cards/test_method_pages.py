"""Pages of methods: their stages, and a method of which no board knows."""

from medtail.benchmark.cards import method_pages
from medtail.benchmark.cards.docstrings import parse


def test_stages_say_what_they_ask_for():
    assert method_pages.training("erm") == ["- `train`: all epochs; plain batches"]
    assert (
        "second stream: batches of 8 classes with 4 images"
        in method_pages.training("metric_two_stage")[0]
    )
    first, second = method_pages.training("crt")
    assert "80 %" in first
    assert "[`erm`](erm.md)" in first
    assert second == "- `classifier`: 20 % of the epochs; images drawn by `class_balanced`"
    assert "(parameter `learner`)" in method_pages.training("badge")[0]


def test_a_method_without_the_plain_one_beside_it_has_no_cost():
    text = method_pages.page("ldam", parse("ldam"), "erm", {}, [], "boards")
    assert "n/a: no table has trainings" in text
    assert "On no board yet." in text
